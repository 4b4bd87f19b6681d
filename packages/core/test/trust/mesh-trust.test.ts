import { createSigner, MeshTrust, sha256, signStatement } from "@parley/core";
import { describe, expect, it } from "vitest";

import { coded } from "./coded.ts";
import { dayMs, FixedMesh, now, Person } from "./fixed-mesh.ts";

const mesh = await FixedMesh.create();
const [alice, bob, second] = [await Person.create(), await Person.create(), await Person.create()];
const options = { now: () => now };

describe("pinning a mesh", () => {
  it("takes the mesh that the invite names and no other", async () => {
    const other = await FixedMesh.create();
    expect(await coded(MeshTrust.pin([mesh.genesis], { mesh: mesh.mesh }, options))).toBe("none");
    expect(await coded(MeshTrust.pin([other.genesis], { mesh: mesh.mesh }, options))).toBe("registry_key_mismatch");
    expect(await coded(MeshTrust.pin([], { mesh: mesh.mesh }, options))).toBe("bad_signature");
  });

  it("takes no operator set older or other than the one in the invite", async () => {
    const two = await mesh.operators(mesh.genesis, [mesh.operator, second]);
    const fork = await mesh.operators(mesh.genesis, [second]);
    const expected = { mesh: mesh.mesh, number: 2, hash: await sha256(two) };
    expect(await coded(MeshTrust.pin([mesh.genesis, two], expected, options))).toBe("none");
    expect(await coded(MeshTrust.pin([mesh.genesis], expected, options))).toBe("stale_statement");
    expect(await coded(MeshTrust.pin([mesh.genesis, fork], expected, options))).toBe("stale_statement");
  });
});

describe("a pinned mesh", () => {
  it("follows newer operator sets and refuses older and forked ones", async () => {
    const trust = await mesh.pin();
    const two = await mesh.operators(mesh.genesis, [mesh.operator, second]);
    await trust.acceptOperators([mesh.genesis, two]);
    await trust.acceptOperators([mesh.genesis, two]);
    expect(trust.operators.number).toBe(2);
    const fork = await mesh.operators(mesh.genesis, [second]);
    const longer = await mesh.operators(fork, [second], { number: 3 }, second.root);
    expect(await coded(trust.acceptOperators([mesh.genesis]))).toBe("stale_statement");
    expect(await coded(trust.acceptOperators([mesh.genesis, fork]))).toBe("stale_statement");
    expect(await coded(trust.acceptOperators([mesh.genesis, fork, longer]))).toBe("stale_statement");
    expect(await coded(trust.acceptOperators([(await FixedMesh.create()).genesis]))).toBe("registry_key_mismatch");
    expect(trust.operators.number).toBe(2);
  });

  it("believes an admission no longer when its operator is one no more", async () => {
    const trust = await mesh.pin();
    const record = await mesh.record(alice);
    await trust.acceptMember(record);
    await trust.acceptOperators([mesh.genesis, await mesh.operators(mesh.genesis, [second])]);
    expect(await coded(trust.acceptMember(record))).toBe("bad_signature");
  });

  it("takes newer revocation lists only", async () => {
    const trust = await mesh.pin();
    const [one, two] = [await mesh.revocations(1, []), await mesh.revocations(2, [alice.member])];
    expect([
      await trust.acceptOrder("revocations", one),
      await trust.acceptOrder("revocations", one),
      await trust.acceptOrder("revocations", two),
    ]).toEqual([true, false, true]);
    expect(await coded(trust.acceptOrder("revocations", one))).toBe("stale_statement");
    expect(await coded(trust.acceptOrder("revocations", await mesh.revocations(2, [])))).toBe("stale_statement");
    expect(await coded(trust.acceptOrder("revocations", await mesh.revocations(9, [], alice.root)))).toBe(
      "bad_signature",
    );
    expect([trust.orderNumbers.revocations, trust.isRevoked(alice.member), trust.isRevoked(bob.member)]).toEqual([
      2,
      true,
      false,
    ]);
    expect(await coded(trust.acceptMember(await mesh.record(alice)))).toBe("revoked");
  });

  it("refuses a protocol version older than one agreed on before", async () => {
    const trust = await mesh.pin();
    trust.acceptVersion(2);
    trust.acceptVersion(2);
    expect(await coded(() => trust.acceptVersion(1))).toBe("version_downgrade");
    expect(trust.pins.version).toBe(2);
  });

  it.each([
    [
      "devices",
      async () => ({ devices: await alice.devices(mesh.mesh, { number: 2 }) }),
      async () => ({ devices: await alice.devices(mesh.mesh, { number: 1 }) }),
    ],
    [
      "card",
      async () => ({ card: await alice.card(mesh.mesh, { number: 2 }) }),
      async () => ({ card: await alice.card(mesh.mesh, { number: 1 }) }),
    ],
    ["card that was taken away", async () => ({ card: await alice.card(mesh.mesh, { number: 1 }) }), async () => ({})],
    [
      "admission",
      async () => ({ admission: await mesh.admission(alice.member, { number: 2 }) }),
      async () => ({ admission: await mesh.admission(alice.member, { number: 1 }) }),
    ],
  ])("refuses an older statement of a member: %s", async (_what, newer, older) => {
    const trust = await mesh.pin();
    await trust.acceptMember(await mesh.record(alice, await newer()));
    expect(await coded(trust.acceptMember(await mesh.record(alice, await older())))).toBe("stale_statement");
  });

  it("refuses a record without a rotation that was seen", async () => {
    const trust = await mesh.pin();
    const next = await createSigner("member");
    const rotation = await signStatement(
      "rotation",
      { mesh: mesh.mesh, member: alice.member, number: 1, key: next.publicKey, iat: now },
      alice.root,
    );
    await trust.acceptMember(
      await mesh.record(alice, { rotations: [rotation], devices: await alice.devices(mesh.mesh, { number: 2 }, next) }),
    );
    expect(
      await coded(
        trust.acceptMember(await mesh.record(alice, { devices: await alice.devices(mesh.mesh, { number: 3 }) })),
      ),
    ).toBe("stale_statement");
  });

  it("takes nobody for somebody else", async () => {
    const trust = await mesh.pin();
    const record = await mesh.record(alice);
    expect(await coded(trust.acceptMember(record, { name: "bob" }))).toBe("name_mismatch");
    expect(await coded(trust.acceptMember(record, { member: bob.member }))).toBe("name_mismatch");
    expect(await coded(trust.acceptMember(record, { name: "alice", member: alice.member }))).toBe("none");
  });

  it("notices when a name, or one that looks the same, changes hands", async () => {
    const trust = await mesh.pin();
    await trust.acceptMember(await mesh.record(alice, { name: "ali-1" }));
    expect(await coded(trust.acceptMember(await mesh.record(bob, { name: "ali.l" })))).toBe("name_changed");
    expect(await coded(trust.acceptMember(await mesh.record(bob, { name: "bob" })))).toBe("none");
  });

  it("lets a name go to whom an operator says takes it over, and when its holder was revoked", async () => {
    const replaced = await mesh.pin();
    await replaced.acceptMember(await mesh.record(alice));
    const admission = await mesh.admission(bob.member, { replaces: alice.member });
    expect(await coded(replaced.acceptMember(await mesh.record(bob, { admission })))).toBe("none");
    const revoked = await mesh.pin();
    await revoked.acceptMember(await mesh.record(alice));
    await revoked.acceptOrder("revocations", await mesh.revocations(1, [alice.member]));
    expect(await coded(revoked.acceptMember(await mesh.record(bob)))).toBe("none");
  });

  it("knows a member again without verifying twice, until the admission expires", async () => {
    let time = now;
    const trust = await mesh.pin({ now: () => time });
    const record = await mesh.record(alice);
    expect(await trust.acceptMember(record)).toBe(await trust.acceptMember(record));
    time = now + dayMs;
    expect(await coded(trust.acceptMember(record))).toBe("expired");
  });
});

describe("a registry node", () => {
  it("is one when an operator certified its key, for as long as the certificate says", async () => {
    const node = await createSigner("node");
    const trust = await mesh.pin();
    expect(await trust.verifyNode(await mesh.node(node))).toEqual({ node: node.id, key: node.publicKey });
    expect(await coded(trust.verifyNode(await mesh.node(node, { exp: now })))).toBe("registry_key_mismatch");
    expect(await coded(trust.verifyNode(await mesh.node(node, {}, alice.root)))).toBe("registry_key_mismatch");
    expect(await coded(trust.verifyNode(await mesh.node(node, { mesh: alice.member })))).toBe("registry_key_mismatch");
  });

  it("is not certified under an id that is not the hash of its key", async () => {
    const [node, other] = [await createSigner("node"), await createSigner("node")];
    expect(await coded((await mesh.pin()).verifyNode(await mesh.node(node, { node: other.id })))).toBe(
      "registry_key_mismatch",
    );
  });

  it("leases membership to one device until a time, give or take the allowed skew", async () => {
    const node = await createSigner("node");
    const trust = await mesh.pin();
    const device = { member: alice.member, device: alice.device.id };
    const lease = (change: object = {}) =>
      signStatement("lease", { mesh: mesh.mesh, ...device, iat: now, exp: now + 1, ...change }, node);
    const verdict = async (compact: Promise<string>, key = node.publicKey) =>
      coded(trust.verifyLease(await compact, key, device));
    expect(await verdict(lease())).toBe("none");
    expect(await verdict(lease({ exp: now - 120_000 + 1 }))).toBe("none");
    expect(await verdict(lease({ exp: now - 120_000 }))).toBe("lease_expired");
    expect(await verdict(lease({ device: bob.device.id }))).toBe("bad_signature");
    expect(await verdict(lease({ member: bob.member }))).toBe("bad_signature");
    expect(await verdict(lease({ mesh: bob.member }))).toBe("wrong_mesh");
    expect(await verdict(lease(), alice.root.publicKey)).toBe("bad_signature");
  });
});

describe("pins", () => {
  it("come back as they were, through JSON", async () => {
    let changes = 0;
    const trust = await mesh.pin({ onChange: () => changes++ });
    await trust.acceptMember(await mesh.record(alice));
    await trust.acceptOrder("revocations", await mesh.revocations(4, [bob.member]));
    trust.acceptVersion(1);
    expect(changes).toBe(4);
    const restored = await MeshTrust.restore(JSON.parse(JSON.stringify(trust.pins)), options);
    expect(restored.pins).toEqual(trust.pins);
    expect(await coded(restored.acceptOrder("revocations", await mesh.revocations(3, [])))).toBe("stale_statement");
    expect(await coded(restored.acceptMember(await mesh.record(bob)))).toBe("revoked");
  });

  it("survive that the operator who signed the revocations is one no more", async () => {
    const trust = await mesh.pin();
    await trust.acceptOrder("revocations", await mesh.revocations(1, [bob.member]));
    await trust.acceptOperators([mesh.genesis, await mesh.operators(mesh.genesis, [second])]);
    const restored = await MeshTrust.restore(trust.pins, options);
    expect([restored.orderNumbers.revocations, restored.isRevoked(bob.member)]).toEqual([1, true]);
  });

  it.each([
    ["nothing", () => undefined],
    ["another mesh's id", (pins: object) => ({ ...pins, mesh: alice.member })],
    ["no operators", (pins: object) => ({ ...pins, operators: [] })],
    ["operators that are no statements", (pins: object) => ({ ...pins, operators: ["x"] })],
    ["revocations that are no statement", (pins: object) => ({ ...pins, revocations: "x" })],
    [
      "revocations of another mesh",
      async (pins: object) => ({ ...pins, revocations: await (await FixedMesh.create()).revocations(1, []) }),
    ],
    [
      "a number that is none",
      (pins: object) => ({ ...pins, members: { x: { rotation: "1", admission: 1, devices: 1, card: 1 } } }),
    ],
  ] as const)("that are damaged are refused with one code: %s", async (_what, damage) => {
    const { pins } = await mesh.pin();
    expect(await coded(MeshTrust.restore(await damage(pins), options))).toBe("invalid_config");
  });
});
