import { createAgent, defineSkill, runAgent } from "@parley/agent";
import { toParleyError } from "@parley/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import type { RawCaller } from "../../packages/sidecar/test/raw-caller.ts";
import { type TestMember, TestMesh } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { openPrograms } from "./program-scene.ts";

interface TaskLine {
  readonly event: { readonly task: { readonly task: string; readonly input: unknown; readonly hops: number } };
}

const nextTask = async (program: RawCaller): Promise<TaskLine["event"]["task"]> =>
  ((await program.next()) as TaskLine).event.task;

const add = {
  id: "add",
  description: "Adds two numbers",
  input: { type: "object", properties: { a: { type: "number" } }, required: ["a"] },
  output: { type: "number" },
};

describe("programs at the socket of a member", () => {
  let mesh: TestMesh;
  let caller: TestMember;
  let count = 0;
  beforeAll(async () => {
    mesh = await TestMesh.start();
    caller = await mesh.join("caller", { kind: "person" });
  });
  afterAll(() => mesh.stop());
  const join = (): Promise<TestMember> => mesh.join(`worker${++count}`);

  const skillsOf = async ({ device }: TestMember): Promise<readonly string[]> =>
    ((await caller.device.memberOf(device.member)).card?.skills ?? []).map(({ id }) => id);

  it("serve skills that others find and call, checked by the schemas they declare", async () => {
    const worker = await join();
    const { serving } = await openPrograms(worker);
    const program = await serving(add);
    expect(await skillsOf(worker)).toEqual(["add"]);
    const run = await caller.device.delegate(worker.device.name, { skill: "add", input: { a: 1 } });
    const { task, input, hops } = await nextTask(program);
    expect([input, hops]).toEqual([{ a: 1 }, 0]);
    await program.ask(2, "reply", { task, result: 3 });
    expect((await run.outcome).output).toBe(3);
    await expect(caller.device.delegate(worker.device.name, { skill: "add", input: {} })).rejects.toMatchObject({
      code: "invalid_input",
    });
  });

  it("that go leave nothing that hangs: their tasks fail with a code, and the card says so", async () => {
    const worker = await join();
    const { serving } = await openPrograms(worker);
    const [leaver, stayer] = [await serving(add), await serving({ ...add, id: "sub" })];
    const runs = await Promise.all(
      ["add", "sub"].map((skill) => caller.device.delegate(worker.device.name, { skill, input: { a: 1 } })),
    );
    const [lost, kept] = runs.map(({ outcome }) => outcome);
    lost?.catch(() => undefined);
    await nextTask(leaver);
    const { task } = await nextTask(stayer);
    leaver.socket.destroy();
    await expect(lost).rejects.toMatchObject({ code: "closed", message: expect.stringContaining("went away") });
    await expect.poll(() => skillsOf(worker)).toEqual(["sub"]);
    await stayer.ask(2, "reply", { task, result: 1 });
    expect((await kept)?.output).toBe(1);
    await expect(caller.device.delegate(worker.device.name, { skill: "add", input: { a: 1 } })).rejects.toMatchObject({
      code: "card_mismatch",
    });
  });

  it("that go while the registry is away are off the card once it is back", async () => {
    const away = await TestMesh.start();
    try {
      const worker = await away.join("worker");
      const { serving, running } = await openPrograms(worker);
      const program = await serving(add);
      await away.stopRegistry();
      await expect.poll(() => worker.device.state).not.toBe("connected");
      program.socket.destroy();
      await expect.poll(() => running.skills).toEqual([]);
      await away.startRegistry();
      await expect
        .poll(async () => (await away.operator.device.memberOf("@worker")).card?.skills, { timeout: 20_000 })
        .toEqual([]);
    } finally {
      await away.stop();
    }
  });

  it("hear of a cancel, and a time limit, as it comes", async () => {
    const worker = await join();
    const { serving } = await openPrograms(worker);
    const program = await serving(add);
    const run = await caller.device.delegate(worker.device.name, { skill: "add", input: { a: 1 } });
    run.outcome.catch(() => undefined);
    const { task } = await nextTask(program);
    run.cancel();
    expect(await program.next()).toMatchObject({ event: { cancel: { task, error: { code: "canceled" } } } });
    const late = await caller.device.delegate(worker.device.name, {
      skill: "add",
      input: { a: 1 },
      timeLimitMs: 200,
    });
    late.outcome.catch(() => undefined);
    await nextTask(program);
    // Both sides watch the time; the caller's word may be the first.
    const ended = expect.stringMatching(/^(?:timeout|canceled)$/);
    expect(await program.next()).toMatchObject({ event: { cancel: { error: { code: ended } } } });
    await expect(late.outcome).rejects.toMatchObject({ code: "timeout" });
  });

  it("ask further in the course of a task, and a call that comes back to it is refused", async () => {
    const worker = await join();
    const back = await join();
    const hops: number[] = [];
    const again = defineSkill({
      id: "again",
      input: z.object({ a: z.number() }),
      output: z.string(),
      run: async (input, context) => {
        hops.push(context.hops);
        return context.mesh.delegate({ skill: "add", to: worker.device.name, input }).then(
          () => "came through",
          (error: unknown) => toParleyError(error).code,
        );
      },
    });
    await runAgent({
      agent: createAgent({ name: back.device.name, skills: [again] }),
      device: back.device,
      log: () => undefined,
    });
    const { serving } = await openPrograms(worker);
    const program = await serving(add);
    const run = await caller.device.delegate(worker.device.name, { skill: "add", input: { a: 1 } });
    run.outcome.catch(() => undefined);
    const { task } = await nextTask(program);
    // What the program says of hops and of skills at work does not count.
    const asked = { to: back.device.name, skill: "again", input: { a: 1 }, hops: 0, through: [], task };
    program.send({ id: 2, op: "delegate", body: asked });
    let line: unknown;
    const events: unknown[] = [];
    while (!("body" in ((line = await program.next()) as object))) events.push(line);
    expect(hops).toEqual([1]);
    expect(JSON.stringify(events)).toContain("call_cycle");
    await program.ask(3, "reply", { task, error: {} });
    await expect(run.outcome).rejects.toMatchObject({ code: "task_failed" });
  });

  it("get messages that waited for a reader, and hand them back when they leave with one in hand", async () => {
    const worker = await join();
    const { program } = await openPrograms(worker);
    for (const text of ["first", "second"]) await caller.device.send(worker.device.name, text);
    const early = await program();
    await early.ask(1, "subscribe", { events: ["messages"] });
    expect(await early.next()).toMatchObject({ n: 2, event: { message: { text: "first", from: { name: "caller" } } } });
    const later = await program();
    await later.ask(1, "subscribe", { events: ["messages"] });
    early.send({ ack: 1, n: 2 });
    expect(await later.next()).toMatchObject({ event: { message: { text: "second" } } });
    later.socket.destroy();
    expect(await early.next()).toMatchObject({ n: 3, event: { message: { text: "second" } } });
  });

  it("get no messages while the agent is not to be disturbed, and then all of them", async () => {
    const worker = await join();
    const { program } = await openPrograms(worker);
    const reader = await program();
    await reader.ask(1, "setAttention", { mode: "do-not-disturb" });
    await reader.ask(2, "subscribe", { events: ["messages"] });
    const sent = await caller.device.send(worker.device.name, "psst");
    await sent.settled;
    expect(await reader.ask(3, "status", {})).toMatchObject({ re: 3 });
    reader.send({ id: 4, op: "setAttention", body: { mode: "open" } });
    const lines = [await reader.next(), await reader.next()];
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ re: 4 }),
        expect.objectContaining({ event: { message: expect.objectContaining({ text: "psst" }) } }),
      ]),
    );
  });

  it("hear of agreements, and act on them by the same socket", async () => {
    const worker = await join();
    const { program } = await openPrograms(worker);
    const reader = await program();
    await reader.ask(1, "subscribe", { events: ["agreements"] });
    const terms = { task: "Paint the boat.", price: { amount: "12.5", currency: "EUR" } };
    const { agreement } = await caller.device.agreements.propose(worker.device.name, { terms });
    expect(await reader.next()).toMatchObject({
      n: 2,
      event: { agreement: { agreement: { agreement, state: "proposed" }, act: { act: { type: "propose" } } } },
    });
    reader.send({ ack: 1, n: 2 });
    const accepted = reader.ask(2, "actOnAgreement", { agreement, next: { type: "accept" } });
    const lines = [await accepted, await reader.next()];
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ re: 2, body: expect.anything() }),
        expect.objectContaining({ event: { agreement: expect.objectContaining({ act: expect.anything() }) } }),
      ]),
    );
  });

  it("ask a person first where a skill says so", async () => {
    const worker = await join();
    const { serving } = await openPrograms(worker);
    const program = await serving({ ...add, approval: {} });
    const run = await caller.device.delegate(worker.device.name, { skill: "add", input: { a: 1 } });
    run.outcome.catch(() => undefined);
    const { approvals } = mesh.operator.device;
    await expect.poll(async () => (await approvals.list()).length, { timeout: 20_000 }).toBe(1);
    const [asked] = await approvals.list();
    await approvals.answer([asked?.request ?? ""], "granted");
    const { task } = await nextTask(program);
    await program.ask(2, "reply", { task, result: 7 });
    expect((await run.outcome).output).toBe(7);
  });
});
