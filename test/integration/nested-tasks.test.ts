import { type AnySkill, createAgent, defineSkill, runAgent, type SkillContext } from "@parley/agent";
import type { TaskRun } from "@parley/client";
import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { type Joined, MeshScope, until } from "./device-fixture.ts";

const none = z.object({});

/** A skill without input. */
const skill = (id: string, run: (context: SkillContext) => Promise<unknown>, approval?: object): AnySkill =>
  defineSkill({
    id,
    input: none,
    output: z.unknown(),
    run: (_, context) => run(context),
    ...(approval === undefined ? {} : { approval }),
  });

/** Asks another agent for a skill. */
const asks = (id: string, to: string, what: string): AnySkill =>
  skill(id, async ({ mesh }) => (await mesh.delegate({ skill: what, to })).output);

/** Runs an agent that works on so many tasks at once. */
async function agent(joined: Joined, concurrentTasks: number, skills: readonly AnySkill[]): Promise<void> {
  const made = createAgent({ name: joined.device.name, skills, limits: { concurrentTasks } });
  await runAgent({ agent: made, device: joined.device, log: () => undefined });
}

const outputOf = async (run: TaskRun): Promise<unknown> => (await run.outcome).output;

describe("tasks that wait for calls of their own", () => {
  it(
    "leave their slot to calls that come back, in a ring of agents that have one each",
    { timeout: 60_000 },
    async () => {
      await using scope = await MeshScope.start();
      const asker = await scope.join("asker");
      const names = ["ann", "bob", "cid"];
      const ring = await Promise.all(names.map((name) => scope.join(name)));
      for (const [index, joined] of ring.entries()) {
        const next = `@${names[(index + 1) % names.length] ?? ""}`;
        await agent(joined, 1, [
          asks("first", next, "second"),
          asks("second", next, "third"),
          skill("third", async () => joined.device.name),
        ]);
      }
      const run = await asker.device.delegate("@ann", { skill: "first", input: {} });
      expect(await outputOf(run)).toBe("cid");
      // Ann asks Bob for second, Bob asks Cid for third; then each of them does the same at once, with one slot between all of it.
      const runs = await Promise.all(
        names.map((name) => asker.device.delegate(`@${name}`, { skill: "first", input: {} })),
      );
      expect(await Promise.all(runs.map(outputOf))).toEqual(["cid", "ann", "bob"]);
    },
  );

  it(
    "do not hang when all slots are taken by tasks that call back into their own agent",
    { timeout: 60_000 },
    async () => {
      await using scope = await MeshScope.start();
      const [asker, ann, bob] = [await scope.join("asker"), await scope.join("ann"), await scope.join("bob")];
      const all = Promise.withResolvers<void>();
      let waiting = 0;
      await agent(ann, 2, [
        skill("outer", async ({ mesh }) => {
          if (++waiting === 2) all.resolve();
          await all.promise;
          return (await mesh.delegate({ skill: "through", to: "@bob" })).output;
        }),
        skill("inner", () => Promise.resolve("inner")),
      ]);
      await agent(bob, 2, [asks("through", "@ann", "inner")]);
      const runs = await Promise.all([1, 2].map(() => asker.device.delegate("@ann", { skill: "outer", input: {} })));
      expect(await Promise.all(runs.map(outputOf))).toEqual(["inner", "inner"]);
    },
  );

  it("give the time that is left, not the time that they were given", async () => {
    await using scope = await MeshScope.start();
    const [asker, ann, bob] = [await scope.join("asker"), await scope.join("ann"), await scope.join("bob")];
    const deadlines: number[] = [];
    await agent(bob, 4, [
      skill("leaf", ({ deadline }) => {
        deadlines.push(deadline);
        return Promise.resolve(null);
      }),
    ]);
    await agent(ann, 4, [
      skill("root", async ({ mesh, deadline }) => {
        deadlines.push(deadline);
        await until(() => Date.now() > deadline - 9_700);
        await mesh.delegate({ skill: "leaf", to: "@bob" });
        await mesh.delegate({ skill: "leaf", to: "@bob", timeLimitMs: limits.taskMs });
      }),
    ]);
    await outputOf(await asker.device.delegate("@ann", { skill: "root", input: {}, timeLimitMs: 10_000 }));
    const [root = 0, ...leaves] = deadlines;
    expect(leaves).toHaveLength(2);
    for (const leaf of leaves) expect(Math.abs(leaf - root)).toBeLessThan(250);
  });

  it(
    "stand still, with all that wait for them, while somebody's approval is waited for",
    { timeout: 60_000 },
    async () => {
      await using scope = await MeshScope.start();
      const [asker, ann, bob] = [await scope.join("asker"), await scope.join("ann"), await scope.join("bob")];
      const ada = await scope.join("ada", { kind: "person" });
      await scope.mesh.orders.publishPolicy({
        rules: [{ allow: ["see", "call", "message"] }, { allow: ["approve"], who: ["@ada"] }],
      });
      await agent(bob, 1, [skill("deploy", () => Promise.resolve("deployed"), {})]);
      await agent(ann, 1, [asks("plan", "@bob", "deploy")]);
      const asked = ada.events.first("approval-asked");
      const run = await asker.device.delegate("@ann", { skill: "plan", input: {}, timeLimitMs: 1500 });
      const states: string[] = [];
      const read = (async () => {
        for await (const { response } of run.events)
          states.push((response.statusUpdate?.status ?? response.task?.status)?.state ?? "artifact");
      })();
      const { asked: one } = await asked;
      await until(() => states.includes("TASK_STATE_AUTH_REQUIRED"));
      const since = Date.now();
      await until(() => Date.now() > since + 2500);
      await ada.device.approvals.answer([one.request], "granted");
      expect(await outputOf(run)).toBe("deployed");
      await read;
      expect(states.at(-1)).toBe("TASK_STATE_COMPLETED");
    },
  );

  it("pass a question on to whoever asked them, unless they answer it", async () => {
    await using scope = await MeshScope.start();
    const [asker, ann, bob] = [await scope.join("asker"), await scope.join("ann"), await scope.join("bob")];
    await agent(bob, 1, [skill("which", ({ ask }) => ask("which one?"))]);
    await agent(ann, 1, [
      asks("passes", "@bob", "which"),
      skill(
        "answers",
        async ({ mesh }) =>
          (await mesh.delegate({ skill: "which", to: "@bob", onQuestion: (question, by) => `${by} asked ${question}` }))
            .output,
      ),
    ]);
    const answered = await asker.device.delegate("@ann", { skill: "answers", input: {} });
    expect(await outputOf(answered)).toBe("bob asked which one?");
    const run = await asker.device.delegate("@ann", { skill: "passes", input: {} });
    for await (const { response } of run.events) {
      const status = response.statusUpdate?.status;
      if (status?.state !== "TASK_STATE_INPUT_REQUIRED") continue;
      expect(status.message?.parts[0]?.text).toBe("@bob asks: which one?");
      await run.reply("the blue one");
    }
    expect(await outputOf(run)).toBe("the blue one");
  });
});
