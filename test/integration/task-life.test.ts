import type { IncomingTask, TaskEvent, TaskHandler, TaskRun } from "@parley/client";
import { verifyTimelineFile } from "@parley/core";
import { limits, taskStartNumbers } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope, until } from "./device-fixture.ts";

/** A promise that a test keeps back. */
const gate = (): PromiseWithResolvers<void> => Promise.withResolvers<void>();

interface Serving {
  readonly seen: IncomingTask[];
}

/** Has an agent work on tasks by skill; those named are resumable. */
async function serve(
  { device }: Pick<Joined, "device">,
  skills: Record<string, TaskHandler>,
  resumable: readonly string[] = [],
): Promise<Serving> {
  const seen: IncomingTask[] = [];
  device.serve(
    (task) => {
      seen.push(task);
      return skills[task.skill]?.(task) ?? Promise.reject(new Error("no such skill"));
    },
    undefined,
    { resumable: (skill) => resumable.includes(skill) },
  );
  await device.publishCard(
    testCard(
      device,
      Object.keys(skills).map((id) => ({ id })),
    ),
  );
  return { seen };
}

/** Notes of the events so far. */
const notesOf = (events: readonly TaskEvent[]): readonly string[] =>
  events.flatMap(({ response }) => response.statusUpdate?.status.message?.parts.map(({ text }) => text ?? "") ?? []);

/** Reads events until the test is true for them. */
async function readUntil(run: TaskRun, isEnough: (events: readonly TaskEvent[]) => boolean): Promise<TaskEvent[]> {
  const events: TaskEvent[] = [];
  for await (const event of run.events) {
    events.push(event);
    if (isEnough(events)) break;
  }
  return events;
}

async function all(run: TaskRun): Promise<TaskEvent[]> {
  return readUntil(run, () => false);
}

/** The same member's device, as it comes up after its process was killed: nothing was said, and its journal is what was on disk. */
async function killed(scope: MeshScope, member: Joined): Promise<Joined> {
  // The links of a process that is gone say nothing any more.
  await member.device.stop();
  return scope.restart(member.joined, { journal: member.journal });
}

/** Resolves when the asker remembers how far the task is. */
async function remembered(asker: Joined, id: string, last: number): Promise<void> {
  await until(async () => (await asker.device.tasks.list()).some((task) => task.id === id && task.last >= last));
}

/** Tells a note per number, and stands still where it is told to. */
const counting =
  (upTo: number, stops: Readonly<Record<number, Promise<void>>> = {}): TaskHandler =>
  async (task) => {
    for (let at = 1; at <= upTo; at++) {
      await task.progress(`${at}`);
      await stops[at];
    }
    return upTo;
  };

describe("the events of a task", () => {
  it("are numbered from 1 without a gap, also while its links are cut", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const half = gate();
    await serve(bob, { count: counting(40, { 20: half.promise }) });
    await alice.device.connect("@bob");
    const run = await alice.device.delegate("@bob", { skill: "count" });
    const first = await readUntil(run, (events) => notesOf(events).includes("20"));
    bob.links.cut();
    await alice.events.link("closed");
    half.resolve();
    const events = [...first, ...(await all(run))];
    expect(events.map(({ number }) => number)).toEqual(events.map((_, index) => index + 1));
    expect(notesOf(events)).toEqual(Array.from({ length: 40 }, (_, index) => `${index + 1}`));
    expect((await run.outcome).output).toBe(40);
  });

  it("go on from their last number for a caller that started anew", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const half = gate();
    const { seen } = await serve(bob, { count: counting(10, { 5: half.promise }) });
    const run = await alice.device.delegate("@bob", { skill: "count" });
    const events = await readUntil(run, (told) => notesOf(told).includes("5"));
    const last = events.at(-1)?.number ?? 0;
    const id = run.taskId ?? "";
    await remembered(alice, id, last);
    const again = await killed(scope, alice);
    await expect(run.outcome).rejects.toMatchObject({ code: "closed" });
    expect(await again.device.tasks.list()).toMatchObject([
      { id, role: "asked", name: "bob", skill: "count", state: "TASK_STATE_WORKING", last },
    ]);
    const followed = await again.device.tasks.follow(id);
    half.resolve();
    const rest = await all(followed);
    expect(rest.map(({ number }) => number)).toEqual(rest.map((_, index) => last + index + 1));
    expect(notesOf(rest)).toEqual(["6", "7", "8", "9", "10"]);
    expect((await followed.outcome).output).toBe(10);
    expect(seen).toHaveLength(1);
    await until(async () => (await again.device.tasks.list())[0]?.ended !== undefined);
    // What has ended is told again as well.
    const late = await again.device.tasks.follow(id, { after: last });
    expect(notesOf(await all(late))).toEqual(["6", "7", "8", "9", "10"]);
  });

  it("that are not remembered any more are told as the whole task, with the gap declared", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const end = gate();
    const many = limits.taskEvents + 10;
    await serve(bob, {
      many: async (task) => {
        await task.artifact({ artifactId: "log", parts: [{ text: "kept" }] });
        for (let at = 1; at <= many; at++) await task.progress(`${at}`);
        await end.promise;
        return { done: true };
      },
    });
    const run = await alice.device.delegate("@bob", { skill: "many" });
    await readUntil(run, (events) => notesOf(events).includes(`${many}`));
    const id = run.taskId ?? "";
    await remembered(alice, id, many);
    const followed = await alice.device.tasks.follow(id, { after: 3 });
    const [first] = await readUntil(followed, (events) => events.length === 1);
    expect(first).toMatchObject({
      gap: { after: 3 },
      number: many + 2,
      response: { task: { id, status: { state: "TASK_STATE_WORKING" }, artifacts: [{ artifactId: "log" }] } },
    });
    end.resolve();
    expect(await followed.outcome).toMatchObject({ output: { done: true }, text: "kept" });
    expect(await run.outcome).toMatchObject({ output: { done: true }, text: "kept" });
  });
});

describe("an agent that starts anew in the middle of a task", () => {
  it("goes on with a resumable one where that had kept it, and its caller gets the result", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const never = gate();
    const kept = gate();
    const work: TaskHandler = async (task) => {
      await task.progress(`start ${task.resumed?.starts ?? 1}`);
      if (task.resumed !== undefined) return { was: task.resumed.checkpoint, input: task.input };
      await task.checkpoint({ step: 7 });
      kept.resolve();
      return never.promise;
    };
    await serve(bob, { long: work }, ["long"]);
    const run = await alice.device.delegate("@bob", { skill: "long", input: { of: "mine" } });
    const first = await readUntil(run, (events) => notesOf(events).includes("start 1"));
    await kept.promise;
    const before = run.taskId;
    const told = all(run);
    const again = await killed(scope, bob);
    const { seen } = await serve(again, { long: work }, ["long"]);
    expect((await run.outcome).output).toEqual({ was: { step: 7 }, input: { of: "mine" } });
    expect(run.taskId).toBe(before);
    expect(seen[0]).toMatchObject({ id: before, from: { name: "alice" }, resumed: { starts: 2 } });
    const events = [...first, ...(await told)];
    const snapshot = events.find(({ gap }) => gap !== undefined);
    expect(snapshot?.number).toBeGreaterThan(taskStartNumbers);
    const numbers = events.flatMap(({ number }) => number ?? []);
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it("has as much time for it as was left", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const { seen } = await serve(bob, { long: () => new Promise(() => undefined) }, ["long"]);
    const run = await alice.device.delegate("@bob", { skill: "long", timeLimitMs: 20_000 });
    await until(() => seen.length === 1);
    const again = await killed(scope, bob);
    const second = await serve(again, { long: () => new Promise(() => undefined) }, ["long"]);
    await until(() => second.seen.length === 1);
    expect(second.seen[0]?.deadline).toBeLessThanOrEqual((seen[0]?.deadline ?? 0) + 50);
    run.cancel();
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
  });

  it("ends all others at once, as interrupted, whether or not their caller had heard of them", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    // What an orderly stop says is kept back, as that of a killed process is.
    const work: TaskHandler = async (task) => {
      await task.progress("began");
      return new Promise(() => undefined);
    };
    await serve(bob, { plain: work });
    const run = await alice.device.delegate("@bob", { skill: "plain" });
    await readUntil(run, (events) => notesOf(events).includes("began"));
    await bob.device.stop();
    const again = await scope.restart(bob.joined, { journal: bob.journal });
    const error = await run.outcome.catch((thrown: unknown) => thrown as { code: string });
    expect(["closed", "interrupted"]).toContain((error as { code: string }).code);
    await serve(again, { plain: work });
  });

  it("tells the result of a resumable one that had ended before its caller heard", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const half = gate();
    const { seen } = await serve(
      bob,
      {
        long: async (task) => {
          await task.progress("began");
          await half.promise;
          return { done: 1 };
        },
      },
      ["long"],
    );
    const run = await alice.device.delegate("@bob", { skill: "long" });
    await readUntil(run, (events) => notesOf(events).includes("began"));
    const id = run.taskId ?? "";
    await remembered(alice, id, 2);
    await alice.device.stop();
    half.resolve();
    await until(async () => (await bob.device.tasks.list()).some((task) => task.ended !== undefined));
    const agent = await killed(scope, bob);
    const second = await serve(agent, { long: () => Promise.reject(new Error("a second time")) }, ["long"]);
    const again = await scope.restart(alice.joined, { journal: alice.journal });
    const followed = await again.device.tasks.follow(id);
    expect((await followed.outcome).output).toEqual({ done: 1 });
    expect([seen.length, second.seen.length]).toEqual([1, 0]);
  });
});

describe("an artifact that no envelope can carry", () => {
  it("reaches the caller whole, in its place among the others", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const text = "x".repeat(3 * limits.envelopeBytes);
    const rows = Array.from({ length: 40_000 }, (_, index) => ({ index, name: `row ${index}` }));
    await serve(bob, {
      large: async (task) => {
        await task.artifact({ artifactId: "a", parts: [{ text: "small" }] });
        void task.artifact({ artifactId: "b", name: "big", parts: [{ text, mediaType: "text/plain" }] });
        await task.artifact({ artifactId: "c", parts: [{ text: "after" }] });
        return { rows };
      },
    });
    const run = await alice.device.delegate("@bob", { skill: "large" });
    const events = await all(run);
    const ids = events.flatMap(({ response }) => response.artifactUpdate?.artifact.artifactId ?? []);
    expect(ids).toEqual(["a", "b", "c", "output"]);
    const outcome = await run.outcome;
    expect(outcome.output).toEqual({ rows });
    expect(outcome.text).toBe(`small\n${text}\nafter`);
    expect(
      events.every(
        ({ response }) =>
          JSON.stringify(response).includes("parts") ||
          response.task !== undefined ||
          response.statusUpdate !== undefined,
      ),
    ).toBe(true);
  });

  it("goes with its task when its agent is asked again, and is refused where it was changed on the way", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const end = gate();
    const text = "y".repeat(limits.envelopeBytes + 1);
    await serve(bob, {
      large: async (task) => {
        await task.artifact({ artifactId: "b", parts: [{ text }] });
        await end.promise;
        return "done";
      },
    });
    const run = await alice.device.delegate("@bob", { skill: "large" });
    await readUntil(run, (events) => events.some(({ response }) => response.artifactUpdate !== undefined));
    const id = run.taskId ?? "";
    await remembered(alice, id, 1);
    const followed = await alice.device.tasks.follow(id, { after: 0 });
    end.resolve();
    expect((await followed.outcome).text).toBe(text);
  });
});

describe("a context", () => {
  it("has what was said in it before, of its member alone, in bounds", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob, carol] = [await scope.join("alice"), await scope.join("bob"), await scope.join("carol")];
    const { seen } = await serve(bob, { chat: (task) => Promise.resolve(`heard ${task.text}`) });
    const ask = async (who: Joined, text: string, contextId?: string) =>
      (await (await who.device.delegate("@bob", { skill: "chat", text, ...(contextId && { contextId }) })).outcome)
        .task;
    const { contextId } = await ask(alice, "one");
    await ask(alice, "two", contextId);
    await ask(carol, "three", contextId);
    const said = seen.map(({ history }) => history.map(({ role, parts }) => [role, parts[0]?.text ?? parts[0]?.data]));
    expect(said).toEqual([
      [],
      [
        ["ROLE_USER", "one"],
        ["ROLE_AGENT", "heard one"],
      ],
      [],
    ]);
    for (let at = 0; at < limits.contextMessages; at++) await ask(alice, `${at}`, contextId);
    expect(seen.at(-1)?.history).toHaveLength(limits.contextMessages);
  });

  it("takes further messages where the skill reads them, and refuses them elsewhere", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const end = gate();
    await serve(bob, {
      reads: async (task) => {
        const words: string[] = [];
        const messages = task.messages[Symbol.asyncIterator]();
        const first = messages.next();
        await task.progress("reading");
        for (let next = await first; words.length < 2; next = await messages.next()) {
          words.push(next.value?.parts[0]?.text ?? "");
          if (words.length === 2) break;
        }
        return words;
      },
      deaf: async (task) => {
        await task.progress("not reading");
        await end.promise;
      },
    });
    const run = await alice.device.delegate("@bob", { skill: "reads" });
    await readUntil(run, (events) => notesOf(events).includes("reading"));
    await run.reply("more");
    await run.reply("and more");
    expect((await run.outcome).output).toEqual(["more", "and more"]);
    const deaf = await alice.device.delegate("@bob", { skill: "deaf" });
    await readUntil(deaf, (events) => notesOf(events).includes("not reading"));
    await expect(deaf.reply("hello")).rejects.toMatchObject({ code: "unsupported_operation" });
    end.resolve();
    await deaf.outcome;
    await expect(deaf.reply("hello")).rejects.toMatchObject({ code: "unsupported_operation" });
  });
});

describe("the timeline of a task", () => {
  it("is exported by either side, holds offline, and breaks with any of its bytes", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const half = gate();
    await serve(bob, {
      work: async (task) => {
        await task.progress("began");
        await half.promise;
        await task.artifact({ artifactId: "log", parts: [{ text: "a" }] });
        return { done: true };
      },
    });
    const run = await alice.device.delegate("@bob", { skill: "work", input: { of: 1 } });
    await readUntil(run, (events) => notesOf(events).includes("began"));
    const id = run.taskId ?? "";
    await remembered(alice, id, 1);
    half.resolve();
    await run.outcome;
    const text = await alice.device.tasks.export(id);
    expect(await bob.device.tasks.export(id)).toBe(text);
    const { mesh } = alice.device;
    const report = await verifyTimelineFile(new TextEncoder().encode(text), { mesh });
    expect(report.entries.map(({ statement }) => statement)).toMatchObject([
      { by: bob.device.member, act: { type: "submitted", caller: alice.device.member, skill: "work" } },
      { act: { type: "state", state: "TASK_STATE_WORKING" } },
      { act: { type: "artifact", artifact: "log" } },
      { act: { type: "artifact", artifact: "output" } },
      { act: { type: "state", state: "TASK_STATE_COMPLETED" } },
    ]);
    for (let at = 0; at < text.length; at += 97) {
      const bytes = new TextEncoder().encode(text);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await expect(verifyTimelineFile(bytes, { mesh })).rejects.toMatchObject({ code: "timeline_broken" });
    }
  });

  it("is nobody else's to see", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob, carol] = [await scope.join("alice"), await scope.join("bob"), await scope.join("carol")];
    await serve(bob, { work: () => Promise.resolve(1) });
    const run = await alice.device.delegate("@bob", { skill: "work" });
    const { task } = await run.outcome;
    await expect(carol.device.tasks.export(task.id)).rejects.toMatchObject({ code: "task_not_found" });
  });
});
