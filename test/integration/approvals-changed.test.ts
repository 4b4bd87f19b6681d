/** What changes while a person is asked: rules, roles, devices, members. */
import { describe, expect, it } from "vitest";

import { type ApprovalScene, approvalScene, asked, deployRules, rule } from "./approval-scene.ts";
import { until } from "./device-fixture.ts";

/** Resolves once the agent has somebody's yes on disk. */
async function taken({ agent }: ApprovalScene, request: string): Promise<void> {
  await until(async () => {
    const row = await agent.journal.getState(`approval-requests/row/${request}`);
    return new TextDecoder().decode(row).includes('"statement"');
  });
}

describe("while a call waits for an approval", () => {
  it("a policy that denies the call now refuses it, whatever was said", async () => {
    await using mesh = await approvalScene();
    const { caller, ada, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: 1 });
    const request = await asked(ada);
    await rule(mesh, [...deployRules(), { deny: ["call"], who: ["@caller"], skills: ["deploy"] }]);
    await ada.device.approvals.answer([request], "granted");
    await expect(run.outcome).rejects.toMatchObject({ code: "denied_by_policy" });
    expect(worked).toEqual([]);
  });

  it("a policy that asks for more approvals now refuses one that has less", async () => {
    await using mesh = await approvalScene();
    const { caller, ada, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: 1 });
    const request = await asked(ada);
    await rule(mesh, deployRules(2));
    await ada.device.approvals.answer([request], "granted");
    await expect(run.outcome).rejects.toMatchObject({ code: "approval_denied" });
    expect(worked).toEqual([]);
  });

  it("an approver that lost the right between its yes and the quorum does not count", async () => {
    await using mesh = await approvalScene(2);
    const { caller, agent, ada, ben, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: 1 });
    const request = await asked(ada);
    await ada.device.approvals.answer([request], "granted");
    await taken(mesh, request);
    await rule(mesh, deployRules(2, "@ben", "@caller"));
    const at = agent.events.seen.length;
    await ben.device.approvals.answer([await asked(ben)], "granted");
    await agent.events.refused("bad_approval", at);
    expect(worked).toEqual([]);
    run.cancel();
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
  });

  it("an approver that is revoked between its yes and the quorum does not count", async () => {
    await using mesh = await approvalScene(2);
    const { scope, caller, agent, ada, ben, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: 1 });
    const request = await asked(ada);
    await ada.device.approvals.answer([request], "granted");
    await taken(mesh, request);
    await scope.mesh.revoke("ada");
    await agent.events.first("revoked");
    const at = agent.events.seen.length;
    await ben.device.approvals.answer([await asked(ben)], "granted");
    await agent.events.refused("revoked", at);
    expect(worked).toEqual([]);
    run.cancel();
  });

  it("a muted caller gets nothing, whatever was said", async () => {
    await using mesh = await approvalScene();
    const { scope, caller, agent, ada, ben, worked } = mesh;
    const run = await caller.device.delegate("@agent", { skill: "deploy", input: 1 });
    run.outcome.catch(() => undefined);
    const request = await asked(ada);
    const number = await scope.mesh.orders.restrict([caller.device.member], "muted");
    await until(() => agent.joined.trust.orderNumbers.restrictions === number);
    await ada.device.approvals.answer([request], "granted");
    // Closed everywhere, and nothing was done.
    expect(await ben.events.first("approval-closed")).toMatchObject({ state: "granted" });
    await until(async () => (await agent.journal.getState(`waiting-tasks/keys`))?.length === 2);
    expect(worked).toEqual([]);
  });
});
