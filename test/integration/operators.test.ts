import { awaitAdmission, createIdentityDraft, pairWithLink } from "@parley/client";
import { signStatement } from "@parley/core";
import { parseInviteLink } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope, until } from "./device-fixture.ts";
import { RegistryProxy } from "./registry-proxy.ts";

/** Joins members and makes them operators, one after the other; where several decide, all who may say yes. */
async function withOperators(scope: MeshScope, names: readonly string[], admin = true): Promise<readonly Joined[]> {
  const { mesh } = scope;
  const operators: Joined[] = [];
  for (const name of names) {
    const joined = await scope.join(name, { kind: "person", links: false });
    let change = await mesh.acts().operators.add(`@${name}`, admin);
    for (const other of operators) {
      if (change.state === "changed") break;
      change = await mesh.acts(other).operators.approve(change.proposal.proposal);
    }
    expect(change.state).toBe("changed");
    operators.push(joined);
    await until(() => operators.every((one) => one.joined.trust.operators.keys.has(joined.device.member)));
  }
  return operators;
}

describe("several operators", () => {
  it("each let members in, and peers believe every one of them", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const [ada] = (await withOperators(scope, ["ada"])) as [Joined];
    expect(await mesh.acts(ada).operators.list()).toMatchObject([
      { name: "op", admin: true, self: false },
      { name: "ada", admin: true, self: true },
    ]);
    const peer = await scope.join("peer", { links: false });
    const bob = await scope.join("bob", { links: false });
    const renewed = await mesh.acts(ada).renew("@bob");
    expect(renewed.number).toBe(2);
    expect((await peer.device.memberOf("@bob")).verified.numbers.admission).toBe(2);
    await expect(mesh.acts(bob).operators.add("@peer", false)).rejects.toMatchObject({ code: "forbidden" });
    await expect(mesh.acts(ada).operators.remove("@ada")).rejects.toMatchObject({ code: "self_call" });
  });

  it("lose one of them, and nobody whom it let in falls out", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const [ada] = (await withOperators(scope, ["ada"])) as [Joined];
    const peer = await scope.join("peer");
    const bob = await scope.join("bob");
    await bob.device.connect("@peer");
    await mesh.revoke((await scope.join("gone", { links: false })).device.member);
    await mesh.orders.publishPolicy({ rules: [{ allow: ["see", "call", "message", "post", "invite", "approve"] }] });
    await mesh.orders.restrict([bob.device.member], "muted", { until: Date.now() + 1 });
    const { member } = mesh.operator.device;
    expect(await mesh.acts(ada).operators.remove("@op")).toMatchObject({ state: "changed", number: 3 });
    await until(() => !peer.joined.trust.operators.keys.has(member));
    // The founder is a member like others now: its sessions go on, its acts are refused.
    await until(() => mesh.operator.device.state === "connected");
    await expect(mesh.acts().pending()).rejects.toMatchObject({ code: "forbidden" });
    expect((await peer.device.memberOf("@op")).roles).toEqual(["member"]);
    expect(peer.device.links().map(({ state }) => state)).toEqual(["open"]);
    // Links that are dialled now are shown a certificate that is signed by who stays.
    bob.links.cut();
    await until(() => bob.device.links().length === 0 && peer.device.links().length === 0);
    await bob.device.connect("@peer");
    const sent = await bob.device.send("@peer", "still here");
    expect((await sent.settled).state).toBe("delivered");
    // A node that starts anew, and members that come back, find all of it signed by who is left.
    await mesh.stopRegistry();
    await mesh.startRegistry();
    await until(() => [ada, bob, peer].every(({ device }) => device.state === "connected"));
    expect((await bob.device.memberOf("@peer")).verified.numbers.admission).toBeGreaterThan(1);
    const late = await mesh.acts(ada).createInvite({ kind: "link" });
    const draft = await createIdentityDraft({ name: "late", kind: "agent", label: "test" });
    const pending = await pairWithLink(draft, parseInviteLink(late.text));
    if (!("pairing" in pending)) throw new Error("let in at once");
    await mesh.acts(ada).approve(await mesh.acts(ada).pendingOf(pending.pairing));
    // A newcomer, who never saw the founder's orders, believes those that hold.
    const newcomer = await scope.restart(await awaitAdmission(pending));
    await until(() => Object.values(newcomer.joined.trust.orderNumbers).every((number) => number === 2));
  });

  it("decide by more than half from three on, and who agrees last carries it out", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const [ada, ben, cleo] = (await withOperators(scope, ["ada", "ben", "cleo"])) as [Joined, Joined, Joined];
    const proposed = await mesh.acts(ada).operators.remove("@cleo");
    if (proposed.state !== "proposed") throw new Error("changed by one alone");
    const { proposal, needed, approved } = proposed.proposal;
    expect([needed, approved]).toEqual([3, [ada.device.member]]);
    expect(await mesh.acts(ben).operators.proposals()).toMatchObject([
      { byName: "ada", added: [], removed: [{ name: "cleo" }] },
    ]);
    await expect(mesh.acts(ada).operators.apply(proposal)).rejects.toMatchObject({ code: "needs_quorum" });
    expect(await mesh.acts(ben).operators.approve(proposal)).toMatchObject({ state: "proposed" });
    expect(await mesh.acts(ben).operators.approve(proposal)).toMatchObject({ state: "proposed" });
    expect(await mesh.acts().operators.approve(proposal.slice(0, 6))).toMatchObject({ state: "changed" });
    await until(() => !ben.joined.trust.operators.keys.has(cleo.device.member));
    expect((await ben.device.memberOf("@cleo")).roles).toEqual(["member"]);
    await expect(mesh.acts(cleo).operators.proposals()).rejects.toMatchObject({ code: "forbidden" });
  });

  it("replace one who lost its key: out of the set, then revoked with its name taken over", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    await withOperators(scope, ["ada"]);
    await expect(mesh.acts().revoke("@ada")).rejects.toMatchObject({ code: "forbidden" });
    await mesh.acts().operators.remove("@ada");
    await mesh.acts().revoke("@ada");
    const again = await scope.join("ada", { kind: "person", links: false });
    expect(await mesh.acts().operators.add("@ada", true)).toMatchObject({ state: "changed" });
    await until(() => again.joined.trust.operators.keys.has(again.device.member));
  });
});

describe("a registry that lies about operators", () => {
  it("does not keep a removal from those who hear of it by a peer", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    await using proxy = await RegistryProxy.start(mesh.origin);
    const peer = await scope.join("peer");
    const { device: honest, joined } = await scope.join("alice");
    await honest.stop();
    proxy.push = (type) => type !== "operators" && type !== "member.changed";
    const alice = await scope.opened(joined, { registry: proxy.origin, links: { factory: scope.control() } });
    await alice.start();
    await alice.connect("@peer");
    const [ada] = (await withOperators(scope, ["ada"])) as [Joined];
    await until(() => joined.trust.operators.keys.has(ada.device.member));
    await mesh.acts().operators.remove("@ada");
    await until(() => !joined.trust.operators.keys.has(ada.device.member));
    // Who was away for all of it hears of it when the link is dialled.
    await alice.stop();
    for (const admin of [true, false]) await mesh.acts().operators.add("@ada", admin);
    const later = await scope.opened(joined, { registry: proxy.origin, links: { factory: scope.control() } });
    const { number } = joined.trust.operators;
    proxy.welcome = (welcome) => ({ ...welcome, operators: [...joined.trust.operators.chain] });
    await later.start();
    expect(joined.trust.operators.number).toBe(number);
    await later.connect("@peer");
    await until(() => joined.trust.operators.number === number + 2);
    expect(peer.joined.trust.operators.number).toBe(number + 2);
  });

  it("shows no set that operators did not make: to a proposal's approver, a peer, or somebody who pairs", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    await using proxy = await RegistryProxy.start(mesh.origin);
    const { device: honest, joined } = await scope.join("alice", { links: false });
    await honest.stop();
    const eve = await scope.join("eve", { links: false });
    const { identity, device } = eve;
    const { trust } = mesh.operator.joined;
    if (identity.root === undefined) throw new Error("no root key");
    const forged = await signStatement(
      "operators",
      {
        mesh: trust.mesh,
        number: 2,
        previous: trust.operators.hash,
        operators: [{ member: device.member, key: identity.root.publicKey, admin: true }],
        iat: Date.now(),
      },
      identity.root,
    );
    proxy.welcome = (welcome) => ({ ...welcome, operators: [...trust.operators.chain, forged] });
    const alice = await scope.opened(joined, { registry: proxy.origin });
    await expect(alice.start()).rejects.toMatchObject({ code: "bad_signature" });
    proxy.welcome = (welcome) => welcome;
    await mesh.acts().operators.add("@eve", false);
    await until(() => eve.joined.trust.operators.number === 2);
    const second = await scope.opened(joined, { registry: proxy.origin });
    await second.start();
    const before = joined.trust.operators.chain;
    expect(before).toHaveLength(2);
    await second.stop();
    proxy.welcome = (welcome) => ({ ...welcome, operators: before.slice(0, 1) });
    const third = await scope.opened(joined, { registry: proxy.origin });
    await expect(third.start()).rejects.toMatchObject({ code: "stale_statement" });
  });
});
