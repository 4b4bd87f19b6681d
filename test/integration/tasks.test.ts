import type { TaskEvent, TaskRun } from "@parley/client";
import { describe, expect, it } from "vitest";

import { MeshScope, until } from "./device-fixture.ts";
import { serve } from "./task-fixture.ts";

async function events(run: TaskRun): Promise<TaskEvent[]> {
  const all: TaskEvent[] = [];
  for await (const event of run.events) all.push(event);
  return all;
}

const input = { text: "hello" };

describe("a task", () => {
  it("streams progress and artifacts in order and brings its output, by every path", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const seen = await serve(bob);
    for (const [paths, path] of [
      [["relay"], "relay"],
      [["direct"], "direct"],
      [undefined, "direct"],
    ] as const) {
      const request = { skill: "steps", input, ...(paths === undefined ? {} : { paths }) };
      const run = await alice.device.delegate("@bob", request);
      const all = await events(run);
      const outcome = await run.outcome;
      expect(outcome).toMatchObject({
        path,
        output: { text: "done" },
        task: { status: { state: "TASK_STATE_COMPLETED" } },
      });
      expect(outcome.text).toBe("a\nb");
      const notes = all.flatMap(
        ({ response }) => response.statusUpdate?.status.message?.parts.map(({ text }) => text) ?? [],
      );
      expect(notes).toEqual(["one", "two"]);
      expect(all.every((event) => event.path === path)).toBe(true);
      expect(seen.at(-1)).toMatchObject({ path, input, from: { name: "alice", device: alice.device.device } });
    }
  });

  it("that must go by relay makes no link; one that must go direct fails where there is none", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const carol = await scope.join("carol", { links: false });
    await serve(bob);
    await serve(carol);
    const run = await alice.device.delegate("@bob", { skill: "echo", input, paths: ["relay", "mailbox"] });
    expect(await run.outcome).toMatchObject({ path: "relay", output: input });
    expect(alice.links.links).toHaveLength(0);
    const viaNothing = carol.device.delegate("@bob", { skill: "echo", input, paths: ["direct"] });
    await expect(viaNothing).rejects.toMatchObject({ code: "path_unavailable" });
  });

  it("runs beside many others without mixing them up", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const seen = await serve(bob);
    const runs = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        alice.device.delegate("@bob", { skill: "echo", input: { text: `${index}` } }),
      ),
    );
    const outcomes = await Promise.all(runs.map((run) => run.outcome));
    expect(outcomes.map(({ output }) => output)).toEqual(runs.map((_, index) => ({ text: `${index}` })));
    expect(new Set(seen.map(({ id }) => id)).size).toBe(64);
  });

  it("goes to the least loaded live holder, and never to the caller itself", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const carol = await scope.join("carol");
    for (const agent of [alice, bob, carol]) await serve(agent);
    const first = await alice.device.delegate(undefined, { skill: "forever", input });
    const busy = first.to.name;
    expect(["bob", "carol"]).toContain(busy);
    const loaded = async (): Promise<boolean> =>
      (await scope.mesh.operator.device.memberOf(busy)).devices.some(({ load }) => load > 0);
    await until(loaded);
    const second = await alice.device.delegate(undefined, { skill: "echo", input });
    expect([busy, second.to.name].toSorted()).toEqual(["bob", "carol"]);
    await second.outcome;
    const idle = second.to.name === "bob" ? bob : carol;
    await idle.device.stop();
    await scope.gone(idle.device.name);
    const third = await alice.device.delegate(undefined, { skill: "echo", input });
    expect(third.to.name).toBe(busy);
    await third.outcome;
    first.cancel();
    await expect(alice.device.delegate("@alice", { skill: "echo", input })).rejects.toMatchObject({
      code: "self_call",
    });
    await expect(alice.device.delegate(undefined, { skill: "dance" })).rejects.toMatchObject({ code: "no_holder" });
    await expect(alice.device.delegate(idle.device.name, { skill: "echo", input })).rejects.toMatchObject({
      code: "not_connected",
    });
  });

  it("is checked against the skill's schema on both sides", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await serve(bob);
    await expect(alice.device.delegate("@bob", { skill: "echo", input: { text: 5 } })).rejects.toMatchObject({
      code: "invalid_input",
    });
    await expect(alice.device.delegate("@bob", { skill: "dance" })).rejects.toMatchObject({ code: "card_mismatch" });
    const run = await alice.device.delegate("@bob", { skill: "wrong", input });
    await expect(run.outcome).rejects.toMatchObject({ code: "invalid_output" });
    await expect(events(run)).rejects.toMatchObject({ code: "invalid_output" });
  });

  it("that the agent does not offer any more is refused by the agent", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await serve(bob);
    bob.device.serve(
      () => Promise.resolve(),
      () => {
        throw Object.assign(new Error("no"), {});
      },
    );
    const run = await alice.device.delegate("@bob", { skill: "echo", input });
    await expect(run.outcome).rejects.toMatchObject({ code: "internal" });
  });

  it("that fails tells its code, and a bug in the skill nothing of itself", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await serve(bob);
    const outcomeOf = async (skill: string) => (await alice.device.delegate("@bob", { skill, input })).outcome;
    await expect(outcomeOf("fails")).rejects.toMatchObject({ code: "task_failed", message: "no such page" });
    const bug = await outcomeOf("breaks").catch((error: unknown) => error);
    expect(bug).toMatchObject({ code: "task_failed" });
    expect(String(bug)).not.toContain("secret");
    await expect(outcomeOf("deep")).rejects.toMatchObject({ code: "invalid_output" });
    expect((await outcomeOf("huge")).output).toEqual({ text: "x".repeat(300_000) });
    const tooLong = alice.device.delegate("@bob", { skill: "echo", input: { text: "x".repeat(300_000) } });
    await expect(tooLong.then((run) => run.outcome)).rejects.toMatchObject({ code: "too_large" });
  });
});
