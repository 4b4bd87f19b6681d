import type { IncomingTask, TaskRun } from "@parley/client";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope } from "./device-fixture.ts";
import { serve } from "./task-fixture.ts";

const input = { text: "hello" };
type Ended = IncomingTask["signal"];

/** Resolves with the reason for which a task was aborted. */
function aborted(signal: Ended | undefined): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve(signal.reason);
    else signal?.addEventListener("abort", () => resolve(signal.reason));
  });
}

/** Resolves when the agent has begun and said so. */
async function begun(run: TaskRun): Promise<void> {
  for await (const { response } of run.events) if (response.statusUpdate !== undefined) return;
}

interface Pair {
  readonly alice: Joined;
  readonly bob: Joined;
  readonly seen: IncomingTask[];
}

async function pair(scope: MeshScope): Promise<Pair> {
  const alice = await scope.join("alice");
  const bob = await scope.join("bob");
  return { alice, bob, seen: await serve(bob) };
}

describe("a task ends", () => {
  it("when its caller cancels it, by method or signal, at both ends", async () => {
    await using scope = await MeshScope.start();
    const { alice, seen } = await pair(scope);
    const run = await alice.device.delegate("@bob", { skill: "forever", input });
    await begun(run);
    run.cancel();
    run.cancel();
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
    expect(await aborted(seen[0]?.signal)).toMatchObject({ code: "canceled" });

    const controller = new AbortController();
    const other = await alice.device.delegate("@bob", { skill: "forever", input, signal: controller.signal });
    await begun(other);
    controller.abort();
    await expect(other.outcome).rejects.toMatchObject({ code: "canceled" });
    expect(await aborted(seen[1]?.signal)).toMatchObject({ code: "canceled" });
  });

  it("at once for the caller that cancels before the agent has answered", async () => {
    await using scope = await MeshScope.start();
    const { alice, seen } = await pair(scope);
    const run = await alice.device.delegate("@bob", { skill: "forever", input });
    run.cancel();
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
    const fence = await alice.device.delegate("@bob", { skill: "echo", input });
    await fence.outcome;
    const reasons = seen.filter(({ skill }) => skill === "forever").map(({ signal }) => aborted(signal));
    for (const reason of await Promise.all(reasons)) expect(reason).toMatchObject({ code: "canceled" });
    const early = alice.device.delegate("@bob", { skill: "forever", input, signal: AbortSignal.abort() });
    await expect(early.then(({ outcome }) => outcome)).rejects.toMatchObject({ code: "canceled" });
  });

  it("when its time is up, whether the skill listens or not", async () => {
    await using scope = await MeshScope.start();
    const { alice, seen } = await pair(scope);
    for (const skill of ["forever", "deaf"]) {
      const run = await alice.device.delegate("@bob", { skill, input, timeLimitMs: 150 });
      await expect(run.outcome).rejects.toMatchObject({ code: "timeout" });
      expect(await aborted(seen.at(-1)?.signal)).toMatchObject({
        code: expect.stringMatching(/timeout|canceled/) as string,
      });
    }
  });

  it("for a caller whose agent never answers", async () => {
    await using scope = await MeshScope.start();
    const { alice, bob } = await pair(scope);
    bob.device.serve(
      () => Promise.resolve(),
      () => new Promise(() => undefined),
    );
    const run = await alice.device.delegate("@bob", { skill: "echo", input, timeLimitMs: 150 });
    await expect(run.outcome).rejects.toMatchObject({ code: "timeout" });
    const other = await alice.device.delegate("@bob", { skill: "echo", input });
    other.cancel();
    await expect(other.outcome).rejects.toMatchObject({ code: "canceled" });
  });

  it("with a code when the agent starts anew in the middle", async () => {
    await using scope = await MeshScope.start();
    for (const links of [false, undefined] as const) {
      const name = links === false ? "bert" : "berta";
      const alice = await scope.join(links === false ? "anna" : "anton", links === false ? { links } : {});
      const bob = await scope.join(name);
      await serve(bob);
      if (links === undefined) await alice.device.connect(`@${name}`);
      const runs = await Promise.all(
        Array.from({ length: 5 }, () => alice.device.delegate(`@${name}`, { skill: "forever", input })),
      );
      await Promise.all(runs.map(begun));
      await bob.device.stop();
      const again = await scope.restart(bob.joined);
      await serve(again);
      for (const run of runs) {
        const error = await run.outcome.catch((thrown: unknown) => thrown);
        // An orderly stop says so; without it the new start knows nothing of the task.
        expect(["closed", "interrupted"]).toContain((error as { code: string }).code);
      }
      const next = await alice.device.delegate(`@${name}`, { skill: "echo", input });
      expect((await next.outcome).output).toEqual(input);
    }
  });

  it("not when its link does", async () => {
    await using scope = await MeshScope.start();
    const { alice, bob, seen } = await pair(scope);
    await alice.device.connect("@bob");
    const run = await alice.device.delegate("@bob", { skill: "forever", input });
    await begun(run);
    bob.links.cut();
    await alice.events.link("closed");
    run.cancel();
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
    expect(await aborted(seen[0]?.signal)).toMatchObject({ code: "canceled" });
  });

  it("only by those whom it concerns: another member can neither see nor cancel it", async () => {
    await using scope = await MeshScope.start();
    const { alice, seen } = await pair(scope);
    const carol = await scope.join("carol");
    const run = await alice.device.delegate("@bob", { skill: "forever", input });
    await begun(run);
    const id = run.taskId ?? "";
    expect(id).not.toBe("");
    expect(await alice.device.getTask("@bob", id)).toMatchObject({ id, status: { state: "TASK_STATE_WORKING" } });
    await expect(carol.device.getTask("@bob", id)).rejects.toMatchObject({ code: "task_not_found" });
    await expect(carol.device.cancelTask("@bob", id)).rejects.toMatchObject({ code: "task_not_found" });
    await expect(alice.device.getTask("@bob", "no-such-task")).rejects.toMatchObject({ code: "task_not_found" });
    expect(seen[0]?.signal.aborted).toBe(false);
    await alice.device.cancelTask("@bob", id);
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
    await expect(alice.device.cancelTask("@bob", id)).rejects.toMatchObject({ code: "task_not_cancelable" });
    expect(await alice.device.getTask("@bob", id)).toMatchObject({ status: { state: "TASK_STATE_CANCELED" } });
  });
});
