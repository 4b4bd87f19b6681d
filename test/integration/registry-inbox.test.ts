import { TestDevice, type TestIdentity, type WireMesh } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { faultyStores, outcomeOf, startRegistry } from "./registry-fixture.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

async function store(from: TestDevice, to: TestIdentity, ...values: number[]): Promise<void> {
  for (const value of values) from.sendFrame(to, bytes(value), { store: true });
  for (const _ of values) expect(await from.nextResult()).toMatchObject({ state: "stored" });
}

const contentsOf = async (device: TestDevice, count: number): Promise<number[]> => {
  const contents: number[] = [];
  while (contents.length < count) contents.push((await device.nextDelivery()).content[0] ?? -1);
  return contents;
};

async function twoInstances(mesh: WireMesh): Promise<{ ada: TestIdentity; first: TestDevice; second: TestDevice }> {
  const ada = await mesh.admit("ada", { devices: 2 });
  const first = await mesh.open(ada, { device: 0 });
  expect(await first.nextPush("inbox.lease")).toMatchObject({ generation: 1 });
  return { ada, first, second: await mesh.open(ada, { device: 1 }) };
}

describe("the inbox of an agent with several instances", () => {
  it("is held by one, which alone gets frames and may acknowledge them, and which presence shows", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const { ada, first, second } = await twoInstances(mesh);
    await store(bob, ada, 1, 2);
    const taken = await first.nextDelivery();
    expect(taken).toMatchObject({ content: bytes(1), mailbox: { redelivered: false } });
    const offset = taken.mailbox?.offset ?? 0;
    expect(await outcomeOf(second.request("mailbox.ack", { offset }))).toBe("not_holder");
    expect(await outcomeOf(second.request("mailbox.refuse", { offset, code: "cannot_open" }))).toBe("not_holder");
    const { devices } = await bob.request("directory.get", { name: "ada" });
    expect(devices.map(({ device, inbox }) => [device === first.device, inbox])).toEqual([
      [true, 1],
      [false, undefined],
    ]);
    bob.sendFrame(ada, bytes(3), { toDevice: undefined });
    expect(await contentsOf(first, 2)).toEqual([2, 3]);
  });

  it("goes on in order, flagged, when the holder leaves; what was acknowledged does not come again", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const { ada, first, second } = await twoInstances(mesh);
    await store(bob, ada, 1, 2, 3);
    const taken = await first.nextDelivery();
    expect(await contentsOf(first, 2)).toEqual([2, 3]);
    await first.request("mailbox.ack", { offset: taken.mailbox?.offset ?? 0 });
    await first.close();
    expect(await second.nextPush("inbox.lease")).toMatchObject({ generation: 2 });
    await store(bob, ada, 4);
    const flags: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const { content, mailbox } = await second.nextDelivery();
      flags.push([content[0], mailbox?.redelivered]);
    }
    expect(flags).toEqual([
      [2, true],
      [3, true],
      [4, false],
    ]);
  });

  it("is asked back for an instance that reads, and handed over when it is released", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const { ada, first, second } = await twoInstances(mesh);
    await second.request("presence.set", { consumer: "reading" });
    expect(await first.nextPush("inbox.lease")).toEqual({ generation: 1, lifeMs: 0 });
    await first.request("inbox.release", { generation: 1 });
    expect(await outcomeOf(first.request("inbox.release", { generation: 1 }))).toBe("not_holder");
    expect(await second.nextPush("inbox.lease")).toMatchObject({ generation: 2 });
    await store(bob, ada, 1);
    expect(await contentsOf(second, 1)).toEqual([1]);
  });

  it("waits for the lease of an instance that broke off, unless that one comes back", async () => {
    await using registry = await startRegistry({ bounds: { inboxLeaseMs: 600, inboxMarginMs: 200 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const { ada, first, second } = await twoInstances(mesh);
    await store(bob, ada, 1);
    expect(await contentsOf(first, 1)).toEqual([1]);
    const again = await mesh.open(ada, { device: 0 });
    expect(await again.nextPush("inbox.lease")).toMatchObject({ generation: 1 });
    expect((await again.nextDelivery()).mailbox?.redelivered).toBe(false);
    // The operator's list leaves the first instance out, so that its lease need not run out.
    const devices = await ada.deviceList(mesh.mesh, {
      number: 2,
      devices: [{ device: ada.device(1).id, key: ada.device(1).publicKey, label: "test", since: Date.now() }],
    });
    await second.request("devices.publish", { devices });
    expect(await second.nextPush("inbox.lease")).toMatchObject({ generation: 2 });
    expect(await second.nextDelivery()).toMatchObject({ content: bytes(1), mailbox: { redelivered: true } });
  });

  it("is renewed while its holder answers pings", async () => {
    await using registry = await startRegistry({ bounds: { inboxLeaseMs: 300, inboxMarginMs: 100 } });
    const mesh = await registry.claim();
    const { first } = await twoInstances(mesh);
    for (let count = 0; count < 3; count++) {
      const { generation, lifeMs } = await first.nextPush("inbox.lease");
      expect([generation, lifeMs > 0 && lifeMs <= 200]).toEqual([1, true]);
    }
  });

  it("outlives a restart of the registry", async () => {
    const stores = faultyStores();
    const registry = await startRegistry({ stores });
    const mesh = await registry.claim();
    const { ada } = await twoInstances(mesh);
    await registry.registry.stop();
    await using again = await startRegistry({ stores, nodeKey: registry.nodeKey });
    const second = await TestDevice.open(again.origin, ada, mesh.mesh, { device: 1 });
    const first = await TestDevice.open(again.origin, ada, mesh.mesh, { device: 0 });
    expect(await first.nextPush("inbox.lease")).toMatchObject({ generation: 1 });
    expect(await outcomeOf(second.request("mailbox.ack", { offset: 0 }))).toBe("not_holder");
  });
});
