import { createSigner, digestOf, signStatement } from "@parley/core";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { approvalScene as scene, asked, everything, forge, mayApprove } from "./approval-scene.ts";
import { type Joined, MeshScope, until } from "./device-fixture.ts";

describe("an approval", () => {
  it("holds a task up until a person says yes to exactly this", async () => {
    await using mesh = await scene();
    const { caller, ada, ben, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: { to: "production" } });
    const states: string[] = [];
    void (async () => {
      for await (const { response } of run.events)
        states.push(response.statusUpdate?.status.state ?? response.task?.status.state ?? "");
    })().catch(() => undefined);
    const { asked: one } = await ada.events.first("approval-asked");
    expect(one).toMatchObject({
      from: { name: "agent" },
      what: { type: "action", action: { kind: "call", skill: "deploy", parts: [{ data: { to: "production" } }] } },
    });
    expect(worked).toEqual([]);
    await ada.device.approvals.answer([one.request], "granted");
    expect(await run.outcome).toMatchObject({ output: "done" });
    expect(states).toContain("TASK_STATE_AUTH_REQUIRED");
    // Answered in one place, it is closed in all.
    expect(await ben.events.first("approval-closed")).toMatchObject({ request: one.request, state: "granted" });
    expect(await ben.device.approvals.list()).toEqual([]);
    await expect(ben.device.approvals.answer([one.request], "granted")).rejects.toMatchObject({ code: "not_found" });
  });

  it("is no yes when a person says no", async () => {
    await using mesh = await scene();
    const { caller, ada, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: {} });
    await ada.device.approvals.answer([await asked(ada)], "denied");
    await expect(run.outcome).rejects.toMatchObject({ code: "approval_denied" });
    expect(worked).toEqual([]);
  });

  it("is needed from as many different members as the rule says", async () => {
    await using mesh = await scene(2);
    const { caller, ada, ben, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: {} });
    const request = await asked(ada);
    const [one] = await ada.device.approvals.list();
    await ada.device.approvals.answer([request], "granted");
    // The same voice once more is one voice.
    const { mesh: id, member } = ada.device;
    const said = { mesh: id, by: member, decision: "granted" as const, iat: Date.now(), exp: Date.now() + 60_000 };
    const digest = one?.what.type === "action" ? one.what.digest : "";
    await forge(
      mesh,
      ada,
      request,
      await signStatement("approval", { ...said, digests: [digest] }, ada.identity.device),
    );
    expect(worked).toEqual([]);
    await ben.device.approvals.answer([await asked(ben)], "granted");
    expect(await run.outcome).toMatchObject({ output: "done" });
    expect(worked).toHaveLength(1);
  });

  it("answers several at once, in one statement that lists each", async () => {
    await using mesh = await scene();
    const { caller, ada, worked } = mesh;
    const runs = await Promise.all(
      [1, 2, 3].map((input) => caller.device.delegate("@agent", { skill: "deploy", input })),
    );
    await until(async () => (await ada.device.approvals.list()).length === 3);
    await ada.device.approvals.answer(
      (await ada.device.approvals.list()).map(({ request }) => request),
      "granted",
    );
    for (const run of runs) expect(await run.outcome).toMatchObject({ output: "done" });
    expect(new Set(worked)).toEqual(new Set([1, 2, 3]));
  });

  it("may be given for more of the same, within limits", async () => {
    await using mesh = await scene();
    const { caller, ada, worked } = mesh;
    const first = await caller.device.delegate("@agent", { skill: "deploy", input: 1 });
    await ada.device.approvals.answer([await asked(ada)], "granted", { uses: 2, lifeMs: 60_000 });
    await first.outcome;
    for (const input of [2, 3]) {
      const run = await caller.device.delegate("@agent", { skill: "deploy", input });
      await run.outcome;
    }
    expect(worked).toEqual([1, 2, 3]);
    expect(await ada.device.approvals.list()).toEqual([]);
    const from = ada.events.seen.length;
    const fourth = await caller.device.delegate("@agent", { skill: "deploy", input: 4 });
    await ada.events.first("approval-asked", () => true, from);
    expect(worked).toEqual([1, 2, 3]);
    fourth.cancel();
    await ada.events.first("approval-closed", ({ state }) => state === "withdrawn", from);
  });

  it("that is replayed, altered, self-granted, for a sibling or late changes nothing", async () => {
    await using mesh = await scene();
    const { caller, agent, ada, worked } = mesh;
    const first = await caller.device.delegate("@agent", { skill: "deploy", input: "first" });
    const request = await asked(ada);
    const [one] = await ada.device.approvals.list();
    if (one?.what.type !== "action") throw new Error("no action is asked");
    const { mesh: id } = ada.device;
    const say = async (
      who: Joined,
      digest: string,
      change: { exp?: number; by?: string } = {},
      signer = who.identity.device,
    ): Promise<string> =>
      signStatement(
        "approval",
        {
          mesh: id,
          by: who.device.member,
          decision: "granted",
          digests: [digest],
          iat: Date.now(),
          exp: Date.now() + 60_000,
          ...change,
        },
        signer,
      );
    const { action, digest } = one.what;
    const sibling = await digestOf({ ...action, parts: [{ data: "second" }] });
    const refused = async (statement: string, from: Joined, code: string): Promise<void> => {
      const at = agent.events.seen.length;
      await forge(mesh, from, request, statement);
      await agent.events.refused(code, at);
      expect(worked).toEqual([]);
    };
    await refused(await say(caller, digest), caller, "bad_approval");
    await refused(await say(ada, sibling), ada, "bad_signature");
    await refused(await say(ada, digest, { exp: Date.now() - 1 }), ada, "expired");
    await refused(await say(ada, digest, {}, await createSigner("device")), ada, "bad_approval");
    await refused(await say(ada, digest), mesh.ben, "bad_approval");
    const good = await say(ada, digest);
    const flipped = `${good.slice(0, -10)}${good.at(-10) === "A" ? "B" : "A"}${good.slice(-9)}`;
    await refused(flipped, ada, "bad_signature");
    await forge(mesh, ada, request, good);
    await first.outcome;
    expect(worked).toEqual(["first"]);
    // The same yes does for no second task, under the old request or the new one.
    const from = ada.events.seen.length;
    const second = await caller.device.delegate("@agent", { skill: "deploy", input: "first" });
    const { asked: next } = await ada.events.first("approval-asked", () => true, from);
    const at = agent.events.seen.length;
    await forge(mesh, ada, request, good);
    await agent.events.refused("replayed", at);
    await forge(mesh, ada, next.request, good);
    await agent.events.refused("bad_signature", at);
    expect(worked).toEqual(["first"]);
    second.cancel();
  });

  it("survives restarts of the agent", async () => {
    await using mesh = await scene();
    const { scope, caller, agent, ada, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: "later" });
    const request = await asked(ada);
    await agent.device.stop();
    await ada.device.approvals.answer([request], "granted");
    const again = await scope.restart(agent.joined, { journal: agent.journal });
    again.device.serve((task) => {
      worked.push(task.input);
      return Promise.resolve("done after all");
    });
    expect(await run.outcome).toMatchObject({ output: "done after all" });
    expect(worked).toEqual(["later"]);
  });

  it("is out of reach where nobody may give it", async () => {
    await using mesh = await scene();
    const { scope, caller, agent } = mesh;
    const rules = [everything, { allow: ["call" as const], approval: {} }, mayApprove("@caller")];
    const number = await scope.mesh.orders.publishPolicy({ rules });
    await until(() => agent.joined.trust.orderNumbers.policy === number);
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: {} });
    await expect(run.outcome).rejects.toMatchObject({ code: "approval_denied" });
  });
});

describe("a question in the course of a task", () => {
  it("is answered by the caller, and by a person", async () => {
    await using scope = await MeshScope.start();
    const [caller, agent] = [await scope.join("caller"), await scope.join("agent")];
    const op = scope.mesh.operator;
    agent.device.serve(async (task) => {
      const colour = await task.ask("Which colour?");
      const size = await task.ask("Which size?", { of: op.device.member });
      return `${colour} ${size}`;
    });
    await agent.device.publishCard(testCard(agent.device, [{ id: "paint" }]));
    const run = await caller.device.delegate("@agent", { skill: "paint", input: {} });
    void (async () => {
      for await (const { response } of run.events) {
        const { state, message } = response.statusUpdate?.status ?? {};
        if (state === "TASK_STATE_INPUT_REQUIRED" && message?.parts[0]?.text === "Which colour?")
          await run.reply("blue");
      }
    })();
    await until(async () => (await op.device.approvals.list()).length === 1);
    const [question] = await op.device.approvals.list();
    expect(question?.what).toMatchObject({ type: "question", text: "Which size?" });
    await op.device.approvals.reply(question?.request ?? "", "large");
    expect(await run.outcome).toMatchObject({ output: "blue large" });
  });
});
