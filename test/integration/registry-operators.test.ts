import { sha256, signStatement } from "@parley/core";
import { errorCodeOfClose, type ListedOperator, type Role } from "@parley/protocol";
import { type TestDevice, TestIdentity, type WireMesh } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { outcomeOf, startRegistry } from "./registry-fixture.ts";

/** Three operators: the founder and `ada` with `admin`, `ben` without. */
async function threeOperators(mesh: WireMesh): Promise<{ ada: TestDevice; ben: TestDevice; list: ListedOperator[] }> {
  const { identity } = mesh.operator;
  const [ada, ben] = [await mesh.admit("ada"), await mesh.admit("ben")];
  const list = [identity.listed(), ada.listed(), ben.listed(false)];
  await mesh.publishOperators(list);
  const promote = async (member: TestIdentity, roles: Role[]): Promise<void> => {
    const admission = await identity.admit(mesh.mesh, member.member, { name: member.name, roles, number: 2 });
    await mesh.operator.request("admission.publish", { admission });
  };
  await promote(ada, ["operator", "admin"]);
  await promote(ben, ["operator"]);
  return { ada: await mesh.open(ada), ben: await mesh.open(ben), list };
}

describe("the operator set", () => {
  it("is told to everybody when it changes, and what roles are worth follows it", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const ada = await mesh.join("ada");
    await mesh.publishOperators([mesh.operator.identity.listed(), ada.identity.listed(false)]);
    expect((await bob.nextPush("operators")).operators).toEqual(await mesh.operators());
    await expect(ada.request("pairing.list", {})).rejects.toMatchObject({ code: "forbidden" });
    const roles: Role[] = ["operator"];
    const admission = await mesh.operator.identity.admit(mesh.mesh, ada.identity.member, {
      name: "ada",
      roles,
      number: 2,
    });
    await mesh.operator.request("admission.publish", { admission });
    expect(await ada.request("pairing.list", {})).toEqual({ pending: [] });
    await expect(ada.request("operators.publish", { operators: "a.b.c" })).rejects.toMatchObject({ code: "forbidden" });
    await mesh.publishOperators([mesh.operator.identity.listed()]);
    await expect(ada.request("pairing.list", {})).rejects.toMatchObject({ code: "forbidden" });
    expect((await mesh.open(bob.identity)).welcome.operators).toEqual(await mesh.operators());
  });

  it("gives nobody an operator's roles by an admission alone", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const eve = await TestIdentity.create("eve");
    const { pairing } = await mesh.pair(eve, await mesh.invite());
    const { identity } = mesh.operator;
    for (const roles of [["operator"], ["member", "admin"]] as Role[][]) {
      const admission = await identity.admit(mesh.mesh, eve.member, { name: "eve", roles });
      await expect(mesh.operator.request("pairing.approve", { pairing, admission })).rejects.toMatchObject({
        code: "not_operator",
      });
    }
    await mesh.approve(pairing, eve);
    const admission = await identity.admit(mesh.mesh, eve.member, { name: "eve", roles: ["operator"], number: 2 });
    await expect(mesh.operator.request("admission.publish", { admission })).rejects.toMatchObject({
      code: "not_operator",
    });
  });

  it("is changed by one alone while there are two, and from three on by more than half", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { ada, ben, list } = await threeOperators(mesh);
    const chain = await mesh.operators();
    const wanted = list.slice(0, 2);
    const publish = async (change: object = {}, by = mesh.operator): Promise<string> =>
      outcomeOf(
        by.identity
          .operators(mesh.mesh, chain, wanted, change)
          .then((operators) => by.request("operators.publish", { operators })),
      );
    const [own, theirs] = [
      await mesh.operator.identity.approveOperators(mesh.mesh, chain, wanted),
      await ben.identity.approveOperators(mesh.mesh, chain, wanted),
    ];
    expect(await publish()).toBe("needs_quorum");
    expect(await publish({ approvals: [own, own] })).toBe("needs_quorum");
    const stranger = await TestIdentity.create("stranger");
    expect(await publish({ approvals: [await stranger.approveOperators(mesh.mesh, chain, wanted)] })).toBe(
      "bad_signature",
    );
    const older = await ben.identity.approveOperators(mesh.mesh, chain.slice(0, 1), wanted);
    expect(await publish({ approvals: [older] })).toBe("bad_signature");
    expect(await publish({ approvals: [await ben.identity.approveOperators(mesh.mesh, chain, list)] })).toBe(
      "bad_signature",
    );
    expect(await publish({ approvals: [own, theirs] }, ben)).toBe("forbidden");
    // Ben may not ask the registry, and his signature under the set is worth nothing to who may.
    const bens = await ben.identity.operators(mesh.mesh, chain, wanted, { approvals: [own, theirs] });
    await expect(mesh.operator.request("operators.publish", { operators: bens })).rejects.toMatchObject({
      code: "bad_signature",
    });
    expect(await publish({ approvals: [theirs] }, ada)).toBe("done");
    expect(await mesh.operators()).toHaveLength(chain.length + 1);
  });

  it("never goes back: an older set, a fork and one with a word of a removed operator are refused", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { ben, list } = await threeOperators(mesh);
    const before = await mesh.operators();
    const wanted = list.slice(0, 2);
    const theirs = await ben.identity.approveOperators(mesh.mesh, before, wanted);
    await mesh.publishOperators(wanted, { approvals: [theirs] });
    const old = before.at(-1) ?? "";
    await expect(mesh.operator.request("operators.publish", { operators: old })).rejects.toMatchObject({
      code: "stale_statement",
    });
    const fork = await mesh.operator.identity.operators(mesh.mesh, before, list, { approvals: [theirs] });
    await expect(mesh.operator.request("operators.publish", { operators: fork })).rejects.toMatchObject({
      code: "stale_statement",
    });
    const now = await mesh.operators();
    const removed = await ben.identity.approveOperators(mesh.mesh, now, list);
    await expect(mesh.publishOperators(list, { approvals: [removed] })).rejects.toMatchObject({
      code: "bad_signature",
    });
    const bens = await ben.identity.operators(mesh.mesh, now, list);
    await expect(mesh.operator.request("operators.publish", { operators: bens })).rejects.toMatchObject({
      code: "bad_signature",
    });
  });

  it("does not change before what the mesh lives by is signed by who stays", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { ada, ben } = await threeOperators(mesh);
    const chain = await mesh.operators();
    const without = [ada.identity.listed()];
    const theirs = await mesh.operator.identity.approveOperators(mesh.mesh, chain, without);
    const publish = async (): Promise<unknown> =>
      ada.request("operators.publish", {
        operators: await ada.identity.operators(mesh.mesh, chain, without, { approvals: [theirs] }),
      });
    await expect(publish()).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("certif") });
    const iat = Date.now();
    const { id: node, publicKey: key } = registry.nodeKey;
    const certificate = await signStatement(
      "node",
      { mesh: mesh.mesh, node, key, iat, exp: iat + 1e9 },
      ada.identity.root,
    );
    await ada.request("node.certify", { certificate });
    const foreign = await TestIdentity.create("foreign");
    const other = { mesh: mesh.mesh, node: foreign.root.id, key: foreign.root.publicKey, iat, exp: iat + 1e9 };
    await expect(
      ada.request("node.certify", { certificate: await signStatement("node", other, ada.identity.root) }),
    ).rejects.toMatchObject({ code: "registry_key_mismatch" });
    await mesh.operator.request("order.publish", {
      type: "revocations",
      statement: await mesh.operator.identity.revoke(mesh.mesh, 1, []),
    });
    await expect(publish()).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("revocation") });
    await ada.request("order.publish", { type: "revocations", statement: await ada.identity.revoke(mesh.mesh, 2, []) });
    const roles: Role[] = ["operator", "admin"];
    const own = await ada.identity.admit(mesh.mesh, ada.identity.member, { name: "ada", roles, number: 3 });
    await ada.request("admission.publish", { admission: own });
    await publish();
    // What the founder had signed is worth nothing now: it and Ben, whom it let in, are shown out.
    for (const gone of [mesh.operator, ben]) expect(errorCodeOfClose((await gone.closed).code)).toBe("not_admitted");
    await expect(mesh.open(mesh.operator.identity)).rejects.toMatchObject({ code: "bad_signature" });
  });

  it("has no revoked member in it", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob");
    await mesh.operator.request("order.publish", {
      type: "revocations",
      statement: await mesh.operator.identity.revoke(mesh.mesh, 1, [bob.member]),
    });
    await expect(mesh.publishOperators([mesh.operator.identity.listed(), bob.listed()])).rejects.toMatchObject({
      code: "revoked",
    });
  });
});

describe("a proposal of another operator set", () => {
  it("collects words of operators, each once, and answers them to who publishes", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { ada, ben, list } = await threeOperators(mesh);
    const chain = await mesh.operators();
    const carol = await mesh.admit("carol");
    const wanted = [...list, carol.listed()];
    const word = (by: TestDevice, of = wanted): Promise<string> => by.identity.approveOperators(mesh.mesh, chain, of);
    const body = { operators: wanted, approval: await word(ada) };
    await expect(ben.request("operators.propose", { ...body, approval: await word(ben) })).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(ada.request("operators.propose", { ...body, approval: await word(ben) })).rejects.toMatchObject({
      code: "bad_signature",
    });
    const { proposal } = await ada.request("operators.propose", body);
    expect(proposal).toMatchObject({ by: ada.identity.member, approved: [ada.identity.member], needed: 2 });
    expect(await ben.nextPush("operators.proposed")).toEqual(proposal);
    expect((await ada.request("operators.propose", body)).proposal).toEqual(proposal);
    const { proposal: id } = proposal;
    await expect(
      ben.request("operators.approve", { proposal: id, approval: await word(ben, list) }),
    ).rejects.toMatchObject({ code: "bad_signature" });
    await expect(ben.request("operators.approve", { proposal: id, approval: await word(ada) })).rejects.toMatchObject({
      code: "bad_signature",
    });
    for (let twice = 0; twice < 2; twice++)
      expect(
        (await ben.request("operators.approve", { proposal: id, approval: await word(ben) })).proposal.approved,
      ).toEqual([ada.identity.member, ben.identity.member]);
    await expect(ben.request("operators.withdraw", { proposal: id })).rejects.toMatchObject({ code: "not_found" });
    const { approvals } = await ada.request("operators.approve", { proposal: id });
    const operators = await ada.identity.operators(mesh.mesh, chain, wanted, { approvals });
    await ada.request("operators.publish", { operators });
    expect(await ben.request("operators.proposals", {})).toEqual({ proposals: [] });
    await expect(ben.request("operators.approve", { proposal: id })).rejects.toMatchObject({ code: "not_found" });
  });

  it("is bounded in number, in all and for each operator, and can be withdrawn", async () => {
    await using registry = await startRegistry({ bounds: { operatorProposals: 3, operatorProposalsEach: 2 } });
    const mesh = await registry.claim();
    const { ada, list } = await threeOperators(mesh);
    const chain = await mesh.operators();
    const people = await Promise.all(Array.from({ length: 4 }, (_, index) => TestIdentity.create(`p${index}x`)));
    const propose = async (by: TestDevice, person = 0): Promise<string> => {
      const operators = [...list, (people[person] ?? by.identity).listed()];
      const approval = await by.identity.approveOperators(mesh.mesh, chain, operators);
      return (await by.request("operators.propose", { operators, approval })).proposal.proposal;
    };
    const first = await propose(ada, 0);
    await propose(ada, 1);
    expect(await outcomeOf(propose(ada, 2))).toBe("limit_reached");
    await propose(mesh.operator, 2);
    expect(await outcomeOf(propose(mesh.operator, 3))).toBe("limit_reached");
    await ada.request("operators.withdraw", { proposal: first });
    await propose(mesh.operator, 3);
    expect((await ada.request("operators.proposals", {})).proposals).toHaveLength(3);
  });
});

describe("another admission of a member", () => {
  it("takes effect in an open session, and only goes forward", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const watcher = await mesh.join("watcher");
    await watcher.request("directory.watch", { members: [bob.identity.member] });
    const { channel } = await bob.request("channel.join", { name: "general" });
    await bob.request("channel.follow", { channels: [{ channel: channel.channel, after: 0 }] });
    const { identity } = mesh.operator;
    const change = { name: "bob", roles: ["member"] as Role[] };
    const publish = async (admission: Promise<string>, by = mesh.operator): Promise<string> =>
      outcomeOf(admission.then((compact) => by.request("admission.publish", { admission: compact })));
    const two = await identity.admit(mesh.mesh, bob.identity.member, {
      ...change,
      number: 2,
      scope: { channels: ["agents"] },
    });
    expect(await publish(Promise.resolve(two))).toBe("done");
    expect(await publish(Promise.resolve(two))).toBe("done");
    expect((await watcher.nextPush("member.changed")).record.admission).toBe(two);
    expect((await bob.post(channel.channel)).error).toMatchObject({ code: "out_of_scope" });
    await expect(bob.request("channel.read", { channel: channel.channel })).rejects.toMatchObject({
      code: "unknown_channel",
    });
    await expect(bob.request("channel.create", { name: "mine", kind: "public" })).rejects.toMatchObject({
      code: "out_of_scope",
    });
    await bob.request("channel.join", { name: "agents" });
    const other = await mesh.join("carol");
    await other.request("channel.join", { name: "general" });
    expect((await other.post(channel.channel)).error).toBeUndefined();
    expect(bob.waitingBatches).toBe(0);
    expect(await publish(identity.admit(mesh.mesh, bob.identity.member, { ...change, number: 2 }))).toBe(
      "stale_statement",
    );
    expect(await publish(identity.admit(mesh.mesh, bob.identity.member, { ...change, number: 1 }))).toBe(
      "stale_statement",
    );
    expect(await publish(bob.identity.admit(mesh.mesh, bob.identity.member, { ...change, number: 3 }))).toBe(
      "bad_signature",
    );
    expect(await publish(identity.admit(mesh.mesh, bob.identity.member, { ...change, name: "carol", number: 3 }))).toBe(
      "name_taken",
    );
    expect(await publish(identity.admit(mesh.mesh, randomMember(), { number: 2 }))).toBe("not_admitted");
    expect(
      await publish(identity.admit(mesh.mesh, bob.identity.member, { ...change, roles: ["observer"], number: 3 })),
    ).toBe("done");
    expect((await bob.post(channel.channel)).error).toMatchObject({ code: "forbidden" });
    expect(
      await publish(identity.admit(mesh.mesh, bob.identity.member, { ...change, name: "robert", number: 4 })),
    ).toBe("done");
    await expect(mesh.operator.request("directory.get", { name: "bob" })).rejects.toMatchObject({
      code: "unknown_member",
    });
    expect((await bob.post(channel.channel)).error).toBeUndefined();
  });

  it("renews one that has ended, which an operator can still see", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob");
    const { identity } = mesh.operator;
    const short = await identity.admit(mesh.mesh, bob.member, { name: "bob", number: 2, exp: Date.now() + 300 });
    await mesh.operator.request("admission.publish", { admission: short });
    await expect.poll(() => outcomeOf(mesh.operator.request("directory.get", { name: "bob" }))).toBe("unknown_member");
    const { record } = await mesh.operator.request("admission.get", { name: "bob" });
    expect(record.admission).toBe(short);
    await expect(mesh.open(bob)).rejects.toMatchObject({ code: "expired" });
    const again = await identity.admit(mesh.mesh, bob.member, { name: "bob", number: 3 });
    await mesh.operator.request("admission.publish", { admission: again });
    await mesh.open(bob);
    expect(await sha256(again)).not.toBe(await sha256(short));
  });
});

const randomMember = (): string => "B".repeat(42) + "A";
