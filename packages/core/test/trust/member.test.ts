import { createSigner, signStatement, verifyMember, verifyOperators } from "@parley/core";
import { limits, type MemberRecord } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { coded } from "./coded.ts";
import { dayMs, FixedMesh, now, Person } from "./fixed-mesh.ts";

const mesh = await FixedMesh.create();
const operators = await verifyOperators([mesh.genesis]);
const [alice, bob] = [await Person.create(), await Person.create()];
const good = await mesh.record(alice, { card: await alice.card(mesh.mesh) });

const verdict = (change: Partial<MemberRecord>, at = now) => coded(verifyMember({ ...good, ...change }, operators, at));
const rotation = async (number: number, signer = alice.root, change: object = {}) => {
  const next = await createSigner("member");
  const statement = await signStatement(
    "rotation",
    { mesh: mesh.mesh, member: alice.member, number, key: next.publicKey, iat: now, ...change },
    signer,
  );
  return { next, statement };
};

describe("a member's record", () => {
  it("shows who the member is when every statement holds", async () => {
    const member = await verifyMember(good, operators, now);
    expect(member).toMatchObject({
      member: alice.member,
      name: "alice",
      kind: "agent",
      roles: ["member"],
      numbers: { rotation: 0, admission: 1, devices: 1, card: 1 },
    });
    expect([...member.devices.keys()]).toEqual([alice.device.id]);
  });

  it.each([
    ["of another member", () => mesh.admission(bob.member), "bad_signature"],
    ["signed by the member itself", () => mesh.admission(alice.member, {}, alice.root), "bad_signature"],
    ["for another mesh", () => mesh.admission(alice.member, { mesh: bob.member }), "wrong_mesh"],
    ["that has expired", () => mesh.admission(alice.member, { exp: now }), "expired"],
    ["that expires in a moment", () => mesh.admission(alice.member, { exp: now + 1 }), "none"],
    ["from the future", () => mesh.admission(alice.member, { iat: now + limits.clockSkewMs + 1 }), "clock_skew"],
    [
      "from the future within the allowed skew",
      () => mesh.admission(alice.member, { iat: now + limits.clockSkewMs }),
      "none",
    ],
    ["that is a card", () => alice.card(mesh.mesh), "bad_signature"],
  ] as const)("with an admission %s gives %s", async (_what, admission, code) => {
    expect(await verdict({ admission: await admission() })).toBe(code);
  });

  it.each([
    ["of another member", () => bob.devices(mesh.mesh), "bad_signature"],
    ["that names another member", () => alice.devices(mesh.mesh, { member: bob.member }), "bad_signature"],
    ["signed by one of its devices", () => alice.devices(mesh.mesh, {}, alice.device), "bad_signature"],
    ["for another mesh", () => alice.devices(bob.member), "wrong_mesh"],
    [
      "whose device has another's key",
      () =>
        alice.devices(mesh.mesh, {
          devices: [{ device: alice.device.id, key: bob.device.publicKey, label: "x", since: now }],
        }),
      "bad_signature",
    ],
  ] as const)("with a device list %s gives %s", async (_what, devices, code) => {
    expect(await verdict({ devices: await devices() })).toBe(code);
  });

  it.each([
    ["of another member", () => bob.card(mesh.mesh), "bad_signature"],
    ["that names another member", () => alice.card(mesh.mesh, { member: bob.member }), "bad_signature"],
    ["for another mesh", () => alice.card(bob.member), "wrong_mesh"],
  ] as const)("with a card %s gives %s", async (_what, card, code) => {
    expect(await verdict({ card: await card() })).toBe(code);
  });

  it("with another's root is another member, whom nobody admitted", async () => {
    expect(await verdict({ root: bob.root.publicKey })).toBe("bad_signature");
  });

  it("expires with its admission", async () => {
    expect([await verdict({}, now + dayMs - 1), await verdict({}, now + dayMs)]).toEqual(["none", "expired"]);
  });
});

describe("a member's rotations", () => {
  it("lead from the first key to the current one, and the id stays", async () => {
    const first = await rotation(1);
    const second = await rotation(2, first.next);
    const devices = await alice.devices(mesh.mesh, {}, second.next);
    const { card: _, ...rest } = good;
    const member = await verifyMember(
      { ...rest, devices, rotations: [first.statement, second.statement] },
      operators,
      now,
    );
    expect([member.member, member.rootKey, member.numbers.rotation]).toEqual([alice.member, second.next.publicKey, 2]);
  });

  it("make what the earlier key signs worthless", async () => {
    expect(await verdict({ rotations: [(await rotation(1)).statement] })).toBe("bad_signature");
  });

  it.each([
    ["skip a number", 2, {}],
    ["belong to another member", 1, { member: bob.member }],
    ["belong to another mesh", 1, { mesh: bob.member }],
  ] as const)("are refused when they %s", async (_what, number, change) => {
    expect(await verdict({ rotations: [(await rotation(number, alice.root, change)).statement] })).toBe(
      "bad_signature",
    );
  });

  it("are refused when another key signed them", async () => {
    expect(await verdict({ rotations: [(await rotation(1, bob.root)).statement] })).toBe("bad_signature");
  });
});
