import { createSigner, signStatement } from "@parley/core";
import { limits } from "@parley/protocol";
import { testCard, TestIdentity } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { hostileScene } from "./hostile-scene.ts";

describe("a hostile registry cannot", () => {
  it("answer a name with another member", async () => {
    await using mesh = await hostileScene();
    const { alice, carol, proxy, events, entry } = mesh;
    const other = await entry(carol);
    proxy.replies["directory.get"] = () => other;
    await expect(alice.memberOf("@bob")).rejects.toMatchObject({ code: "name_mismatch" });
    await expect(alice.send("@bob", "hello")).rejects.toMatchObject({ code: "name_mismatch" });
    await expect(alice.delegate("@bob", { skill: "search" })).rejects.toMatchObject({ code: "name_mismatch" });
    expect(events.refusals).toContain("name_mismatch");
  });

  it("answer a member id with another member", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, carol, proxy, entry } = mesh;
    const other = await entry(carol);
    proxy.replies["directory.get"] = () => other;
    await expect(alice.memberOf(bob.device.member)).rejects.toMatchObject({ code: "name_mismatch" });
  });

  it("pass a member off as the holder of a skill", async () => {
    await using mesh = await hostileScene();
    const { alice, carol, proxy, events, entry } = mesh;
    const other = await entry(carol);
    proxy.replies["directory.find"] = () => ({ members: [other] });
    const found = await alice.find({ skill: "search" });
    expect(found.members).toEqual([]);
    expect(found.refused).toMatchObject([{ code: "card_mismatch" }]);
    await expect(alice.delegate(undefined, { skill: "search" })).rejects.toMatchObject({ code: "no_holder" });
    expect(events.refusals).toContain("card_mismatch");
  });

  it("admit a member of its own, by its node key or by a key of that member", async () => {
    await using mesh = await hostileScene();
    const { alice, scope, proxy, events } = mesh;
    const mallory = await TestIdentity.create("mallory");
    const admission = await mallory.admit(alice.mesh, mallory.member, { name: "mallory" });
    const byNode = await signStatement(
      "admission",
      {
        mesh: alice.mesh,
        member: mallory.member,
        name: "mallory",
        kind: "agent",
        roles: ["member"],
        number: 1,
        iat: Date.now(),
        exp: Date.now() + limits.leaseMs,
      },
      scope.mesh.nodeKey,
    );
    for (const forged of [admission, byNode]) {
      const record = {
        root: mallory.root.publicKey,
        rotations: [],
        admission: forged,
        devices: await mallory.deviceList(alice.mesh),
      };
      proxy.answer = (type) =>
        type === "directory.get"
          ? { record, devices: [] }
          : type === "directory.find"
            ? { members: [{ record, devices: [] }] }
            : undefined;
      await expect(alice.memberOf("@mallory")).rejects.toMatchObject({ code: "bad_signature" });
      expect((await alice.find({})).refused).toMatchObject([{ code: "bad_signature" }]);
    }
    expect(events.refusals).toContain("bad_signature");
  });

  it("use an admission from another mesh", async () => {
    await using mesh = await hostileScene();
    const { alice, proxy, joined, scope } = mesh;
    const { root } = scope.mesh.operator.identity;
    if (root === undefined) throw new Error("the operator has its root key");
    const stranger = await TestIdentity.create("stranger");
    const elsewhere = await createSigner("member");
    const admission = await signStatement(
      "admission",
      {
        mesh: elsewhere.id,
        member: stranger.member,
        name: "stranger",
        kind: "agent",
        roles: ["member"],
        number: 1,
        iat: Date.now(),
        exp: Date.now() + limits.leaseMs,
      },
      root,
    );
    const record = {
      root: stranger.root.publicKey,
      rotations: [],
      admission,
      devices: await stranger.deviceList(joined.trust.mesh),
    };
    proxy.answer = (type) => (type === "directory.get" ? { record, devices: [] } : undefined);
    await expect(alice.memberOf("@stranger")).rejects.toMatchObject({ code: "wrong_mesh" });
  });

  it("roll a device list back", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy, events, entry } = mesh;
    const { root, device, encryptionKeys, member } = bob.identity;
    const [encryption] = encryptionKeys;
    if (root === undefined || encryption === undefined) throw new Error("bob has its keys");
    const before = await entry(bob);
    const newer = await signStatement(
      "devices",
      {
        mesh: alice.mesh,
        member,
        number: 2,
        devices: [{ device: device.id, key: device.publicKey, label: "test", since: 1 }],
        encryption: { kid: encryption.kid, key: encryption.publicKey },
        iat: Date.now(),
      },
      root,
    );
    await bob.device.request("devices.publish", { devices: newer });
    expect((await alice.memberOf("@bob")).verified.numbers.devices).toBe(2);
    proxy.inject({ type: "member.changed", body: { member, record: before.record } });
    await events.refused("stale_statement");
    proxy.replies["directory.find"] = () => ({ members: [before] });
    expect((await alice.find({})).refused).toMatchObject([{ code: "stale_statement" }]);
    expect((await alice.memberOf("@bob")).verified.numbers.devices).toBe(2);
  });

  it("alter a card, or hang one member's card on another", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, carol, proxy, entry } = mesh;
    const [honest, other] = [await entry(bob), await entry(carol)];
    const [header, payload = "", signature] = (honest.record.card ?? "").split(".");
    const altered = Buffer.from(Buffer.from(payload, "base64url").toString().replace("search", "launch")).toString(
      "base64url",
    );
    for (const forged of [`${header}.${altered}.${signature}`, other.record.card]) {
      proxy.replies["directory.get"] = () => ({ ...honest, record: { ...honest.record, card: forged } });
      await expect(alice.memberOf("@bob")).rejects.toMatchObject({ code: "bad_signature" });
    }
  });

  it("hide a newer card behind the older one", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy, entry } = mesh;
    const before = await entry(bob);
    await bob.device.publishCard(testCard(bob.device, [{ id: "search" }, { id: "read" }]));
    const after = await entry(bob);
    proxy.replies["directory.find"] = () => ({ members: [after] });
    expect((await alice.find({})).members).toHaveLength(1);
    proxy.replies["directory.find"] = () => ({ members: [before] });
    expect((await alice.find({})).refused).toMatchObject([{ code: "stale_statement" }]);
  });
});
