import { peekStatement } from "@parley/core";
import { toParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { type DelegationScene, delegationScene, endOf, serve } from "./delegation-scene.ts";
import { until } from "./device-fixture.ts";

/** A search without end that the planner asks for by a delegation of @alice. */
async function underWay({ alice, planner, tasks }: DelegationScene, lifeMs?: number) {
  const before = tasks.length;
  const terms = { skills: ["search"], ...(lifeMs === undefined ? {} : { lifeMs }) };
  const chain = await alice.device.delegations.give("@planner", terms);
  const run = await planner.device.delegate("@searcher", { skill: "search", input: "for ever", chain });
  const ended = run.outcome.then(
    () => "done",
    (error: unknown) => toParleyError(error).code,
  );
  await until(() => tasks.length > before);
  return { chain, ended, id: peekStatement("delegation", chain[0] ?? "").id };
}

describe("what is done by a delegation ends", () => {
  it("when its member takes it back, though the registry keeps that from whoever works", async () => {
    await using mesh = await delegationScene();
    const { alice, proxy } = mesh;
    await mesh.searcher.device.connect("@alice");
    const { id, ended, chain } = await underWay(mesh);
    proxy.push = (type) => type !== "member.changed";
    await alice.device.delegations.withdraw(id);
    expect(await ended).toBe("delegation_withdrawn");
    expect(await endOf(mesh.planner, chain)).toBe("delegation_withdrawn");
  });

  it("by way of whoever called by it, where the member and whoever works have no link", async () => {
    await using mesh = await delegationScene();
    const { alice, planner, searcher, proxy } = mesh;
    await planner.device.connect("@searcher");
    expect(alice.links.open).toEqual([]);
    const { id, ended } = await underWay(mesh);
    proxy.push = (type) => type !== "member.changed";
    await alice.device.delegations.withdraw(id);
    expect(await ended).toBe("delegation_withdrawn");
    expect(searcher.events.refusals).toEqual([]);
  });

  it("when its member takes it back while the registry is away", async () => {
    await using mesh = await delegationScene();
    const { scope, alice } = mesh;
    await mesh.searcher.device.connect("@alice");
    await mesh.planner.device.connect("@searcher");
    const { id, ended } = await underWay(mesh);
    await scope.mesh.stopRegistry();
    await until(() => alice.device.state !== "connected");
    await expect(alice.device.delegations.withdraw(id)).rejects.toMatchObject({ retryable: true });
    expect(await ended).toBe("delegation_withdrawn");
    await scope.startRegistry();
    const { device } = scope.mesh.operator;
    await until(async () => (await device.memberOf(alice.device.member)).verified.withdrawn.has(id));
  });

  it("when its time is up", async () => {
    await using mesh = await delegationScene();
    const { ended } = await underWay(mesh, 1500);
    // The caller's clock and the callee's tell the same end: whichever looks first.
    expect(["bad_delegation", "timeout"]).toContain(await ended);
  });

  it("when an operator revokes who delegated it, and no call is taken by it any more", async () => {
    await using mesh = await delegationScene();
    const { scope, alice, planner } = mesh;
    const { ended, chain } = await underWay(mesh);
    await scope.mesh.revoke(alice.device.member);
    expect(await ended).toBe("revoked");
    expect(await endOf(planner, chain)).toBe("revoked");
  });

  it("when the device that signed it is taken off its member's list", async () => {
    await using mesh = await delegationScene();
    const { scope, alice, planner, tasks } = mesh;
    const second = await scope.mesh.addDevice(alice);
    const chain = await second.device.delegations.give("@planner", { skills: ["search"] });
    expect(await endOf(planner, chain)).toBe("search for alice");
    const run = await planner.device.delegate("@searcher", { skill: "search", input: "for ever", chain });
    await until(() => tasks.length === 2);
    // Only the device that holds the root key takes delegations back.
    const [given] = await second.device.delegations.list();
    await expect(second.device.delegations.withdraw(given?.id ?? "")).rejects.toMatchObject({ code: "forbidden" });
    await scope.mesh.devicesOf(alice).remove(second.device.device);
    await expect(run.outcome).rejects.toMatchObject({ code: "bad_delegation" });
    expect(await endOf(planner, chain)).toBe("bad_delegation");
  });
});

describe("a delegation", () => {
  it("stays taken back under the next root key", async () => {
    await using mesh = await delegationScene();
    const { scope, alice, planner, searcher } = mesh;
    const [one, other] = [
      await alice.device.delegations.give("@planner", { skills: ["search"] }),
      await alice.device.delegations.give("@planner", { skills: ["search"] }),
    ];
    await alice.device.delegations.withdraw(peekStatement("delegation", one[0] ?? "").id);
    expect(await endOf(planner, one)).toBe("delegation_withdrawn");
    const { rootKey } = await alice.device.rotateRoot();
    await until(async () => {
      const { verified } = await searcher.device.memberOf("@alice");
      return verified.rootKey === rootKey && verified.withdrawn.size === 1;
    });
    expect(await endOf(planner, one)).toBe("delegation_withdrawn");
    // What a device signed holds as long as the device is listed.
    expect(await endOf(planner, other)).toBe("search for alice");
    await alice.device.delegations.withdraw(peekStatement("delegation", other[0] ?? "").id);
    await until(async () => (await searcher.device.memberOf("@alice")).verified.withdrawn.size === 2);
    expect(await endOf(planner, other)).toBe("delegation_withdrawn");
    expect(scope.mesh.operator.device.state).toBe("connected");
  });

  it("to a member that is revoked is worth nothing, also where it was passed on", async () => {
    await using mesh = await delegationScene();
    const { scope, alice, planner, ada } = mesh;
    const mine = await alice.device.delegations.give("@planner", { skills: ["search"] });
    const passed = await planner.device.delegations.give("@ada", { skills: ["search"] }, mine);
    expect(await endOf(ada, passed)).toBe("search for alice");
    await scope.mesh.revoke(planner.device.member);
    await until(() => mesh.searcher.joined.trust.isRevoked(planner.device.member));
    expect(await endOf(ada, passed)).toBe("revoked");
  });

  it("of a member that an operator paused lets nobody act for it", async () => {
    await using mesh = await delegationScene();
    const { scope, alice, planner, searcher } = mesh;
    const { chain, ended } = await underWay(mesh);
    const number = await scope.mesh.orders.restrict([alice.device.member], "paused");
    await until(() => searcher.joined.trust.orderNumbers.restrictions === number);
    expect(await ended).toBe("paused");
    expect(await endOf(planner, chain)).toBe("paused");
  });
});

describe("work for another that waits for an approval", () => {
  it("is approved by nobody for whom it is done or who passed it on, and the action names the chain", async () => {
    await using mesh = await delegationScene();
    const { alice, planner, ada } = mesh;
    const chain = await alice.device.delegations.give("@planner", { skills: ["pay"] });
    const run = await planner.device.delegate("@searcher", { skill: "pay", input: 1, chain });
    const { asked } = await ada.events.first("approval-asked");
    expect(asked.what).toMatchObject({ action: { principals: [alice.device.member], caller: planner.device.member } });
    if (asked.what.type !== "action" || asked.what.action.kind !== "call") throw new Error("no call");
    expect(asked.what.action.chain).toHaveLength(1);
    expect(await alice.device.approvals.list()).toEqual([]);
    expect(await planner.device.approvals.list()).toEqual([]);
    await ada.device.approvals.answer([asked.request], "granted");
    expect((await run.outcome).output).toBe("pay for alice");
  });

  it("is done for the same member after a restart, with the mandate that came with it", async () => {
    await using mesh = await delegationScene();
    const { scope, alice, planner, searcher, ada, tasks } = mesh;
    const chain = await alice.device.delegations.give("@planner", { skills: ["pay", "read"] });
    await planner.device.delegate("@searcher", { skill: "pay", input: 1, chain, mandate: { skills: ["read"] } });
    const { asked } = await ada.events.first("approval-asked");
    await searcher.device.stop();
    const again = await scope.restart(searcher.joined, { journal: searcher.journal });
    serve(again, tasks);
    await ada.device.approvals.answer([asked.request], "granted");
    await until(() => tasks.length === 1);
    expect(tasks[0]).toMatchObject({ actsFor: { name: "alice" }, from: { name: "planner" } });
    expect(tasks[0]?.mandate).toHaveLength(2);
  });

  it("is not done when it was taken back while the agent was away", async () => {
    await using mesh = await delegationScene();
    const { scope, alice, planner, searcher, ada, tasks } = mesh;
    const chain = await alice.device.delegations.give("@planner", { skills: ["pay"] });
    await planner.device.delegate("@searcher", { skill: "pay", input: 1, chain });
    const { asked } = await ada.events.first("approval-asked");
    await searcher.device.stop();
    await alice.device.delegations.withdraw(peekStatement("delegation", chain[0] ?? "").id);
    const again = await scope.restart(searcher.joined, { journal: searcher.journal });
    serve(again, tasks);
    await ada.device.approvals.answer([asked.request], "granted");
    await ada.events.first("approval-closed");
    // What it is asked next is done, and nothing else was.
    const next = await alice.device.delegate("@searcher", { skill: "search", input: 2 });
    await next.outcome;
    expect(tasks.map(({ skill }) => skill)).toEqual(["search"]);
  });
});
