import { setImmediate as nextTask } from "node:timers/promises";

import type { BoardEvent, BoardRun } from "@parley/client";
import { openMemoryJournal } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { add, done, Gate, worker } from "./board-scene.ts";
import { MeshScope, until } from "./device-fixture.ts";

const sum = { skill: "add", input: { a: 2, b: 3 } };

describe("the board", () => {
  it("gives a task to a holder of the skill and its result to the asker", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const bob = await scope.join("bob");
    const taken = await worker(bob, add);
    const outcome = await done(ada, sum);
    expect(outcome).toMatchObject({
      output: { sum: 5 },
      worker: { name: "bob", device: bob.device.device },
      facts: { state: "completed", starts: 1, generation: 1 },
    });
    const from = { name: "ada", device: ada.device.device };
    expect(taken[0]).toMatchObject({ id: outcome.facts.task, from, skill: "add", path: "mailbox" });
    const { acts, asked } = await ada.device.board.task(outcome.facts.task);
    expect(acts).toMatchObject([
      { type: "submitted", by: ada.device.member },
      { type: "completed", by: bob.device.member },
    ]);
    expect(asked).toBeUndefined();
  });

  it("keeps a task until somebody with the skill comes, while its asker is there to share the input", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const { task } = await ada.device.board.submit(sum);
    expect(await ada.device.board.task(task)).toMatchObject({ facts: { state: "open" }, asked: { input: sum.input } });
    const bob = await scope.join("bob");
    await worker(bob, add);
    expect((await ada.device.board.follow(task).outcome).output).toEqual({ sum: 5 });
  });

  it("keeps a result for an asker that went, until it is back", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const bob = await scope.join("bob");
    const gate = new Gate();
    const taken = await worker(bob, gate.work);
    const { task } = await ada.device.board.submit({ skill: "add", input: { n: 7 } });
    await until(() => taken.length === 1);
    await ada.device.stop();
    gate.open();
    const back = await scope.mesh.open(ada.joined, { journal: openMemoryJournal() });
    expect((await back.device.board.follow(task).outcome).output).toEqual({ n: 7 });
    expect(taken).toHaveLength(1);
  });

  it("is the same task for the same key, and another asker's key is another one", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve, bob] = [await scope.join("ada"), await scope.join("eve"), await scope.join("bob")];
    const taken = await worker(bob, add);
    const first = await done(ada, { ...sum, key: "monday" });
    const again = await done(ada, { ...sum, key: "monday" });
    expect(again.facts.task).toBe(first.facts.task);
    expect(taken).toHaveLength(1);
    expect((await done(eve, { ...sum, key: "monday" })).facts.task).not.toBe(first.facts.task);
    await expect(ada.device.board.submit({ ...sum, skill: "subtract", key: "monday" })).rejects.toMatchObject({
      code: "already_exists",
    });
  });

  it("gives higher priorities first, then askers in turn", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve, bob] = [await scope.join("ada"), await scope.join("eve"), await scope.join("bob")];
    const gate = new Gate();
    const taken = await worker(bob, gate.work, { slots: 1 });
    const runs: BoardRun[] = [];
    const put = async (member: typeof ada, n: number, priority = 4): Promise<void> => {
      const { task } = await member.device.board.submit({ skill: "add", input: { n }, priority });
      runs.push(member.device.board.follow(task));
    };
    await put(ada, 0);
    await until(() => taken.length === 1);
    for (const n of [1, 2, 3, 4]) await put(ada, n);
    for (const n of [11, 12]) await put(eve, n);
    await put(ada, 9, 9);
    gate.open();
    await Promise.all(runs.map(({ outcome }) => outcome));
    const order = taken.map(({ input }) => (input as { n: number }).n);
    expect(order.slice(0, 2)).toEqual([0, 9]);
    // Neither of eve's had to wait for all of ada's, who came first.
    expect(order.slice(2, 6).filter((n) => n > 10)).toEqual([11, 12]);
    expect(order.filter((n) => n < 9)).toEqual([0, 1, 2, 3, 4]);
  });

  it("begins nothing before its time, and nothing that waits for others before they are completed", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    const taken = await worker(bob, add);
    const notBefore = Date.now() + 700;
    const first = await ada.device.board.submit({ ...sum, notBefore });
    expect(first.readyAt).toBe(notBefore);
    const second = await ada.device.board.submit({ ...sum, after: [first.task] });
    expect(second.waitsFor).toEqual([first.task]);
    await ada.device.board.follow(second.task).outcome;
    expect(Date.now()).toBeGreaterThanOrEqual(notBefore);
    expect(taken.map(({ id }) => id)).toEqual([first.task, second.task]);
    const foreign = scope.mesh.operator.device.board.submit({ ...sum, after: [first.task] });
    await expect(foreign).rejects.toMatchObject({ code: "not_found" });
  });

  it("tries what failed again, with a pause, and makes it a dead letter with its reason", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    let tries = 0;
    await worker(bob, async () => {
      if (++tries < 2) throw new ParleyError("task_failed", { message: "not today" });
      return tries;
    });
    expect(await done(ada, sum)).toMatchObject({ output: 2, facts: { starts: 2 } });
    tries = -10;
    const refused = await done(ada, { ...sum, attempts: 2 }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "task_failed", message: "not today" });
    const { tasks } = await ada.device.board.list({ states: ["failed"] });
    expect(tasks).toMatchObject([{ state: "failed", reason: "task_failed", starts: 2, attempts: 2 }]);
    const [failed] = tasks;
    const dependent = await ada.device.board.submit({ ...sum, after: [failed?.task ?? ""] });
    await expect(ada.device.board.follow(dependent.task).outcome).rejects.toMatchObject({ code: "dependency_failed" });
    tries = 5;
    expect(await ada.device.board.retry(failed?.task ?? "")).toMatchObject({ state: "open", attempts: 4 });
    expect((await ada.device.board.follow(failed?.task ?? "").outcome).output).toBe(6);
    await expect(ada.device.board.retry(failed?.task ?? "")).rejects.toMatchObject({ code: "conflict" });
  });

  it("ends the work of a task that is canceled, or whose time is up", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    const gate = new Gate();
    const taken = await worker(bob, gate.work);
    const first = await ada.device.board.submit(sum);
    await until(() => taken.length === 1);
    await ada.device.board.cancel(first.task);
    await until(() => taken[0]?.signal.aborted === true);
    expect(taken[0]?.signal.reason).toMatchObject({ code: "canceled" });
    await expect(ada.device.board.follow(first.task).outcome).rejects.toMatchObject({ code: "canceled" });
    const second = await ada.device.board.submit({ ...sum, deadline: Date.now() + 1500 });
    await expect(ada.device.board.follow(second.task).outcome).rejects.toMatchObject({ code: "expired" });
    await until(() => taken[1]?.signal.aborted === true);
    await expect(ada.device.board.submit({ ...sum, deadline: Date.now() - 1 })).rejects.toMatchObject({
      code: "expired",
    });
  });

  it("streams progress from the worker to the asker while both are there", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    const events: BoardEvent[] = [];
    const heard = (): boolean => JSON.stringify(events).includes("halfway");
    await worker(bob, async (task) => {
      while (!heard()) {
        await task.progress("halfway");
        await nextTask();
      }
      return "done";
    });
    const { task } = await ada.device.board.submit(sum);
    const run = ada.device.board.follow(task);
    for await (const event of run.events) events.push(event);
    expect((await run.outcome).output).toBe("done");
    const states = events.flatMap((event) => ("facts" in event ? [event.facts.state] : []));
    expect(states.at(-1)).toBe("completed");
  });

  it("gives no more than a worker has room for, and what stops early goes to others", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob, carl] = [await scope.join("ada"), await scope.join("bob"), await scope.join("carl")];
    const gate = new Gate();
    const atBob = await worker(bob, gate.work, { slots: 2 });
    const tasks = await Promise.all(
      [1, 2, 3].map(async (n) => (await ada.device.board.submit({ skill: "add", input: { n } })).task),
    );
    await until(() => atBob.length === 2);
    const open = (await ada.device.board.list({ states: ["open"] })).tasks;
    expect(open).toHaveLength(1);
    const atCarl = await worker(carl, async ({ input }) => input);
    await until(() => atCarl.length === 1);
    await bob.device.stop();
    const outcomes = await Promise.all(tasks.map((task) => ada.device.board.follow(task).outcome));
    expect(outcomes.map(({ facts }) => facts.starts).toSorted((one, other) => one - other)).toEqual([1, 2, 2]);
    expect(outcomes.every(({ worker: by }) => by.name === "carl")).toBe(true);
  });

  it("takes inputs and results up to their limits, and says so of larger ones", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    await worker(bob, async ({ text, input }) => (text === "" ? "x".repeat((input as { n: number }).n) : text.length));
    const fits = limits.boardInputBytes - 400;
    expect((await done(ada, { skill: "add", text: "x".repeat(fits) })).output).toBe(fits);
    const larger = ada.device.board.submit({ skill: "add", text: "x".repeat(limits.boardInputBytes) });
    await expect(larger).rejects.toMatchObject({ code: "too_large" });
    expect((await done(ada, { skill: "add", input: { n: 60_000 } })).output).toHaveLength(60_000);
    await expect(done(ada, { skill: "add", input: { n: 70_000 } })).rejects.toMatchObject({ code: "too_large" });
  });

  it("keeps as many tasks of one asker as it may", async () => {
    await using scope = await MeshScope.start({ registry: { bounds: { boardTasksPerMember: 2 } } });
    const ada = await scope.join("ada");
    await ada.device.board.submit({ ...sum, key: "1" });
    await ada.device.board.submit({ ...sum, key: "2" });
    await expect(ada.device.board.submit({ ...sum, key: "3" })).rejects.toMatchObject({ code: "limit_reached" });
    // What is there already is no more.
    await ada.device.board.submit({ ...sum, key: "2" });
  });
});
