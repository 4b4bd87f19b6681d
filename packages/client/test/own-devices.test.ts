import { createEncryptionKey, MeshTrust, peekStatement, sha256, signStatement, systemRandom } from "@parley/core";
import { limits, type MemberRecord, ParleyError, type Statement } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { expect, it } from "vitest";

import type { DeviceApi } from "../src/device-api.ts";
import type { Directory } from "../src/directory.ts";
import { certifyDevice, createIdentityDraft, listedDeviceOf, signDeviceList } from "../src/identity-draft.ts";
import type { Identity } from "../src/identity.ts";
import { MemberDevices } from "../src/member-devices.ts";
import { OwnDevices } from "../src/own-devices.ts";

/** A member that is its own operator, and a registry that keeps its record and tells of nothing by itself. */
async function scene(options: { extractable?: boolean } = {}) {
  const clock = new FakeClock();
  const draft = await createIdentityDraft({ name: "ada", kind: "person", label: "desk", ...options });
  const { root, member } = draft;
  if (root === undefined) throw new Error("a new draft has its root key");
  const iat = clock.now();
  const genesis = await signStatement(
    "genesis",
    { nonce: "AAAAAAAAAAAAAAAAAAAAAA", operators: [{ member, key: root.publicKey }], iat },
    root,
  );
  const mesh = await sha256(genesis);
  const admission = await signStatement(
    "admission",
    { mesh, member, name: "ada", kind: "person", roles: ["operator"], number: 1, iat, exp: iat * 2 },
    root,
  );
  const trust = await MeshTrust.pin([genesis], undefined, { now: () => clock.now() });
  const identity = await certifyDevice(draft, { mesh, number: 1, now: iat });
  let record: MemberRecord = { root: root.publicKey, rotations: [], admission, devices: identity.devices };
  const published: string[] = [];
  const registry = {
    refuse: undefined as ParleyError | undefined,
    beforePublish: (): void => {},
    request: async (type: string, body: { devices?: string }) => {
      if (registry.refuse !== undefined) throw registry.refuse;
      if (type === "directory.get") return { record, devices: [] };
      registry.beforePublish();
      const { devices = "" } = body;
      const number = (compact: string): number => peekStatement("devices", compact).number;
      if (number(devices) <= number(record.devices)) throw new ParleyError("stale_statement");
      record = { ...record, devices };
      published.push(devices);
      return {};
    },
  };
  const request = (type: string, body: object) => registry.request(type, body);
  const device = { member, device: identity.device.id, mesh, request, watch: () => () => {} };
  const api = device as unknown as DeviceApi;
  const list = (): Statement<"devices"> => peekStatement("devices", record.devices);
  const put = (devices: string): void => void (record = { ...record, devices });
  const own = (of: Identity, keep?: (identity: Identity) => Promise<void>) => {
    const errors: unknown[] = [];
    const made: OwnDevices = new OwnDevices({
      identity: of,
      keep,
      device: api,
      trust,
      registry: "http://127.0.0.1:1",
      directory: () => directory,
      clock,
      random: systemRandom,
      onChange: () => {},
      onError: (error) => void errors.push(error),
    });
    const directory = {
      watch: () => {},
      refresh: async () => made.onMember(await trust.acceptMember(record, { member })),
    } as unknown as Directory;
    return { own: made, errors };
  };
  const manage = (of: () => Identity): MemberDevices =>
    new MemberDevices({ device: api, identity: of, trust: () => trust, registry: "http://127.0.0.1:1", clock });
  return { clock, identity, registry, published, list, put, own, manage, trust, mesh };
}

it("replaces the encryption key when it is a week old, not before, and keeps what it replaced", async () => {
  const { clock, identity, published, list, own } = await scene();
  const kept: Identity[] = [];
  const { own: device, errors } = own(identity, async (changed) => void kept.push(changed));
  device.onSession();
  await expect.poll(() => clock.pendingTimers).toBe(1);
  clock.advance(limits.encryptionKeyLifeMs - 1);
  expect(published).toHaveLength(0);
  clock.advance(1);
  await expect.poll(() => published.length).toBe(1);
  expect([list().number, list().encryption.since]).toEqual([2, clock.now()]);
  // Nobody pushed the new list: the next look takes it from the registry.
  device.onSession();
  await expect.poll(() => kept.length).toBe(1);
  expect(device.identity.encryptionKeys.map(({ kid }) => kid)).toEqual([
    identity.encryptionKeys[0]?.kid,
    list().encryption.kid,
  ]);
  expect(errors).toEqual([]);
  device.stop();
  await expect.poll(() => clock.pendingTimers).toBe(0);
});

it("keeps so many keys and no more", async () => {
  const { identity, list, own, manage } = await scene();
  const { own: device } = own(identity);
  for (let count = 1; count < limits.encryptionKeys + 2; count++) {
    await manage(() => device.identity).rotate();
    await device.keyOf(list().encryption.kid);
    expect(device.identity.encryptionKeys).toHaveLength(Math.min(count + 1, limits.encryptionKeys));
  }
  expect(device.identity.encryptionKeys.at(-1)?.kid).toBe(list().encryption.kid);
});

it("has every key after sleeping through several changes, as long as a frame may wait for one", async () => {
  const { clock, identity, list, own, manage } = await scene();
  const awake = own(identity).own;
  const kids = [list().encryption.kid];
  for (let week = 1; week <= 3; week++) {
    clock.advance(limits.encryptionKeyLifeMs);
    await manage(() => awake.identity).maintain();
    kids.push(list().encryption.kid);
    await awake.keyOf(list().encryption.kid);
  }
  expect(list().encryption.older?.map(({ kid }) => kid)).toEqual(kids.slice(0, -1));
  const asleep = own(identity).own;
  expect((await asleep.keyOf(kids.at(-1) ?? ""))?.kid).toBe(kids.at(-1));
  expect(asleep.identity.encryptionKeys.map(({ kid }) => kid)).toEqual(kids);
  // The first key went out of use with the second, one week in.
  clock.advance(limits.expiryMs - 2 * limits.encryptionKeyLifeMs - 1);
  await manage(() => awake.identity).rotate();
  expect(list().encryption.older?.[0]?.kid).toBe(kids[0]);
  await awake.keyOf(list().encryption.kid);
  clock.advance(1);
  await manage(() => awake.identity).rotate();
  expect(list().encryption.older?.[0]?.kid).toBe(kids[1]);
});

it("asks for the newest list when a frame is sealed to a key that it does not know", async () => {
  const { identity, list, own, manage, registry } = await scene();
  const { own: device } = own(identity);
  await manage(() => device.identity).rotate();
  const { kid } = list().encryption;
  registry.refuse = new ParleyError("unreachable");
  const asked = device.keyOf(kid);
  registry.refuse = undefined;
  expect((await asked)?.kid).toBe(kid);
  expect((await device.keyOf(kid))?.kid).toBe(kid);
  expect(await device.keyOf("AAAAAAAAAAA")).toBeUndefined();
});

it("takes a new key that may not leave the device out of its half, and makes another one for a second device", async () => {
  const { clock, identity, list, own, manage } = await scene({ extractable: false });
  const { own: device } = own(identity);
  expect(list().devices[0]?.half).toBeUndefined();
  const before = list().encryption.kid;
  clock.advance(limits.encryptionKeyLifeMs);
  expect(await manage(() => device.identity).maintain()).toBe(limits.encryptionKeyLifeMs);
  expect(list().encryption.kid).not.toBe(before);
  const key = await device.keyOf(list().encryption.kid);
  expect(key?.privateKey.extractable).toBe(false);
});

it("gives a list of an earlier version its sealing key, and leaves a list alone that has one", async () => {
  const { clock, identity, list, put, own, manage, mesh, published } = await scene();
  const [bare] = list().devices.map(({ half: _half, seal: _seal, ...rest }) => rest);
  const { root } = identity;
  const [key] = identity.encryptionKeys;
  if (root === undefined || key === undefined || bare === undefined) throw new Error("a founder has its keys");
  const old = { mesh, member: identity.member, number: 2, devices: [bare], iat: clock.now() };
  put(await signStatement("devices", { ...old, encryption: { kid: key.kid, key: key.publicKey } }, root));
  const { own: device } = own(identity);
  await manage(() => device.identity).maintain();
  expect(list().devices[0]).toMatchObject({ seal: identity.sealing?.publicKey, half: expect.any(String) });
  expect(list().encryption.kid).toBe(key.kid);
  await manage(() => device.identity).maintain();
  expect(published).toHaveLength(1);
});

it("goes on with the keys it has when its half is of another device, and when it was taken off the list", async () => {
  const { clock, identity, list, put, own, trust, mesh } = await scene();
  const { own: device, errors } = own(identity);
  const [other, fresh] = [await createEncryptionKey(), await createEncryptionKey()];
  const listed = listedDeviceOf(identity, clock.now());
  const sign = async (number: number, devices: Statement<"devices">["devices"]): Promise<void> =>
    put(
      await signDeviceList(identity, {
        mesh,
        number,
        now: clock.now(),
        devices,
        encryption: { key: fresh, since: clock.now() },
      }),
    );
  await sign(2, [{ ...listed, seal: other.publicKey }]);
  expect(await device.keyOf(fresh.kid)).toBeUndefined();
  expect(errors).toMatchObject([{ code: "cannot_open" }]);
  expect(device.identity.encryptionKeys).toHaveLength(1);
  const elsewhere = await createIdentityDraft({ name: "ada", kind: "person", label: "phone" });
  await sign(3, [listedDeviceOf(elsewhere, clock.now())]);
  expect(await device.keyOf(fresh.kid)).toBeUndefined();
  expect(peekStatement("devices", device.identity.devices).number).toBe(2);
  expect([list().number, trust.mesh]).toEqual([3, mesh]);
});

it("signs again when another list came first, and gives up when one always does", async () => {
  const { identity, registry, published, manage } = await scene();
  let refusals = 0;
  registry.beforePublish = () => {
    if (refusals-- > 0) throw new ParleyError("stale_statement");
  };
  refusals = 3;
  await manage(() => identity).rotate();
  expect(published).toHaveLength(1);
  refusals = 4;
  await expect(manage(() => identity).rotate()).rejects.toMatchObject({ code: "stale_statement" });
});
