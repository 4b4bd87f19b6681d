import type { Identity } from "@parley/client";
import { createSigner, MeshTrust, peekStatement, signStatement } from "@parley/core";
import { ParleyError, toParleyError } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { type Joined, Messages, MeshScope, until } from "./device-fixture.ts";

const rootOf = (scope: MeshScope, name: string): Promise<string> =>
  scope.mesh.operator.device.memberOf(name).then(({ verified }) => verified.rootKey);

/** The statements of a rotation as its member would sign them, changed by whoever forges one. */
async function rotationOf(
  scope: MeshScope,
  of: Joined,
  change: { number?: number; by?: Identity["root"] } = {},
): Promise<{ rotation: string; devices: string }> {
  const { mesh, member } = of.device;
  const { root, devices, rotations } = scope.mesh.identityOf(of);
  const made = await createSigner("member");
  const signer = change.by ?? root;
  if (signer === undefined) throw new Error("no root key");
  const number = change.number ?? rotations.length + 1;
  const iat = Date.now();
  const { signer: _, ...list } = peekStatement("devices", devices);
  return {
    rotation: await signStatement("rotation", { mesh, member, number, key: made.publicKey, iat }, signer),
    devices: await signStatement("devices", { ...list, number: list.number + 1, iat }, made),
  };
}

describe("a new root key", () => {
  it("is followed by peers, links and the other devices without a break, and id, name and card stay", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    await ada.device.publishCard(testCard(ada.device, [{ id: "search" }]));
    const bob = await scope.join("bob");
    await bob.device.connect("@ada");
    const link = bob.links.open[0];
    const second = await scope.mesh.addDevice(ada);
    const before = await bob.device.memberOf("@ada");
    const sessions = [ada, bob].map(({ events }) => events.seen.length);

    const { number, rootKey } = await ada.device.rotateRoot();
    expect(number).toBe(1);
    expect(rootKey).not.toBe(before.verified.rootKey);
    await until(async () => (await bob.device.memberOf("@ada")).verified.rootKey === rootKey);
    const after = await bob.device.memberOf("@ada");
    expect([after.member, after.name, after.card]).toEqual([before.member, before.name, before.card]);
    await until(() => scope.mesh.identityOf(second).rotations.length === 1);
    expect(scope.mesh.identityOf(second).root).toBeUndefined();
    expect(scope.mesh.identityOf(ada)).toMatchObject({ root: { publicKey: rootKey }, next: undefined });

    expect(bob.links.open[0]).toBe(link);
    const inbox = new Messages(bob.device);
    await ada.device.send("@bob", "still me");
    expect(await inbox.count(1)).toMatchObject([{ text: "still me", from: { member: ada.device.member } }]);
    const sinceThen = [ada, bob].flatMap(({ events }, at) => events.seen.slice(sessions[at]));
    expect(sinceThen.filter(({ type }) => type === "session" || type === "refused")).toEqual([]);
  });

  it("signs what comes after: lists, cards, and the next root key", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    await ada.device.rotateRoot();
    const { rootKey } = await ada.device.rotateRoot();
    await ada.device.publishCard(testCard(ada.device, [{ id: "paint" }]));
    const second = await scope.mesh.addDevice(ada);
    expect(second.identity.rotations).toHaveLength(2);
    await scope.mesh.devicesOf(ada).remove(second.device.device);
    expect(await rootOf(scope, "@ada")).toBe(rootKey);
  });

  it("lets a device in that slept through the change, which then knows it", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const second = await scope.mesh.addDevice(ada);
    await second.device.stop();
    await ada.device.rotateRoot();
    const again = await scope.restart({ ...second.joined, identity: scope.mesh.identityOf(second) });
    await until(() => scope.mesh.identityOf(again).rotations.length === 1);
    expect(again.events.refusals).toEqual([]);
  });

  it("is not made by a device without the root key, nor for an operator by itself", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const second = await scope.mesh.addDevice(ada);
    await expect(second.device.rotateRoot()).rejects.toMatchObject({ code: "forbidden" });
    await expect(scope.mesh.operator.device.rotateRoot()).rejects.toMatchObject({ code: "forbidden" });
  });

  it("takes the old one from a copy of the device's keys, which goes on without it", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const second = await scope.mesh.addDevice(ada);
    await second.device.stop();
    const root = scope.mesh.identityOf(ada).root;
    const copy = await scope.restart({ ...second.joined, identity: { ...scope.mesh.identityOf(second), root } });
    await ada.device.rotateRoot();
    await until(
      () => scope.mesh.identityOf(copy).root === undefined && scope.mesh.identityOf(copy).rotations.length > 0,
    );
    await expect(copy.device.rotateRoot()).rejects.toMatchObject({ code: "forbidden" });
  });
});

describe("a change of the root key that is cut short", () => {
  const steps = ["the new key is kept", "it is published", "what came back is kept"] as const;
  it.each(steps)("after %s is brought to its end by the next start", async (step) => {
    await using scope = await MeshScope.start();
    const kept: Identity[] = [];
    let cut = false;
    const ada = await scope.join("ada", {
      keepIdentity: async (identity) => {
        if (cut) throw new Error("killed");
        kept.push(identity);
        if (step === "the new key is kept" && identity.next !== undefined) cut = true;
        if (step === "it is published" && identity.next !== undefined) {
          // Nothing after the publication is kept any more.
          queueMicrotask(() => void (cut = true));
        }
      },
    });
    const bob = await scope.join("bob");
    await bob.device.connect("@ada");
    const request = ada.device.request.bind(ada.device);
    ada.device.request = (type: string, body: never) =>
      step === "the new key is kept" && type === "rotation.publish"
        ? Promise.reject(new ParleyError("closed"))
        : request(type as never, body);
    await ada.device.rotateRoot().catch((error: unknown) => toParleyError(error));
    await ada.device.stop();
    const left = kept.at(-1) ?? ada.identity;
    expect(left.next === undefined).toBe(step === "what came back is kept");
    const again = await scope.restart({ ...ada.joined, identity: left });
    await until(() => scope.mesh.identityOf(again).rotations.length === 1);
    const now = scope.mesh.identityOf(again);
    expect(now.next).toBeUndefined();
    expect(now.root?.publicKey).toBe(await rootOf(scope, "@ada"));
    const inbox = new Messages(bob.device);
    await again.device.send("@bob", "back");
    await inbox.count(1);
    expect(bob.events.refusals).toEqual([]);
  });
});

describe("a rotation that is not the member's", () => {
  it("is refused when another key signed it, when it skips a number, and when it leaves the card behind", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    const before = await rootOf(scope, "@ada");
    const by = scope.mesh.identityOf(bob).root;
    const attempt = async (change: Parameters<typeof rotationOf>[2], who = ada): Promise<string> =>
      who.device.request("rotation.publish", await rotationOf(scope, ada, change)).then(
        () => "taken",
        (error: unknown) => toParleyError(error).code,
      );
    expect(await attempt({ by })).toBe("bad_signature");
    expect(await attempt({ number: 2 })).toBe("stale_statement");
    expect(await attempt({}, bob)).toBe("bad_signature");
    await ada.device.publishCard(testCard(ada.device, [{ id: "search" }]));
    expect(await attempt({})).toBe("invalid_argument");
    expect(await rootOf(scope, "@ada")).toBe(before);
  });

  it("cannot be taken back, or forked with the key before it, by a registry that helps", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    const { record } = (await bob.device.memberOf("@ada")).verified;
    const { rootKey } = await ada.device.rotateRoot();
    await until(async () => (await bob.device.memberOf("@ada")).verified.rootKey === rootKey);
    await expect(bob.joined.trust.acceptMember(record)).rejects.toMatchObject({ code: "stale_statement" });
    const forged = await rotationOf(scope, ada, { by: ada.identity.root, number: 1 });
    await expect(
      bob.joined.trust.acceptMember({ ...record, rotations: [forged.rotation], devices: forged.devices }),
    ).rejects.toMatchObject({ code: "stale_statement" });
    const pins = JSON.parse(JSON.stringify(bob.joined.trust.pins)) as unknown;
    const restored = await MeshTrust.restore(pins, { now: () => Date.now() });
    await expect(
      restored.acceptMember({ ...record, rotations: [forged.rotation], devices: forged.devices }),
    ).rejects.toMatchObject({ code: "stale_statement" });
  });
});
