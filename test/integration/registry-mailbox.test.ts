import { errorCodeOfClose } from "@parley/protocol";
import { randomId16, TestDevice } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { faultyStores, startRegistry } from "./registry-fixture.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

describe("a mailbox", () => {
  it("keeps frames for a member that is away, in order, until it took them", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    for (let count = 1; count <= 3; count++) {
      bob.sendFrame(carol, bytes(count), { store: true });
      expect(await bob.nextResult()).toMatchObject({ state: "stored" });
    }
    const first = await mesh.open(carol);
    expect(first.welcome.mailbox.last).toBeGreaterThan(0);
    const [one, two] = [await first.nextDelivery(), await first.nextDelivery()];
    expect([one.content, two.content]).toEqual([bytes(1), bytes(2)]);
    expect(two.mailbox?.previous).toBe(one.mailbox?.offset);
    await first.request("mailbox.ack", { offset: two.mailbox?.offset ?? 0 });
    await first.close();
    const second = await mesh.open(carol);
    expect((await second.nextDelivery()).content).toEqual(bytes(3));
  });

  it("pushes at once to a member that is here", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    bob.sendFrame(carol.identity, bytes(1), { store: true });
    expect(await carol.nextDelivery()).toMatchObject({ content: bytes(1), mailbox: { previous: 0 } });
    bob.sendFrame(carol.identity, bytes(2), { store: true });
    expect((await carol.nextDelivery()).content).toEqual(bytes(2));
  });

  it("keeps a frame once that is sent twice, and one of another sender with the same id too", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, dan] = [await mesh.join("bob"), await mesh.join("dan")];
    const carol = await mesh.admit("carol");
    const frameId = randomId16();
    for (const sender of [dan, bob, bob]) {
      sender.sendFrame(carol, bytes(sender === bob ? 1 : 2), { store: true, frameId });
      expect(await sender.nextResult()).toMatchObject({ frame: frameId, state: "stored" });
    }
    bob.sendFrame(carol, bytes(3), { store: true });
    const device = await mesh.open(carol);
    const contents = [await device.nextDelivery(), await device.nextDelivery(), await device.nextDelivery()].map(
      ({ content }) => content,
    );
    expect(contents).toEqual([bytes(2), bytes(1), bytes(3)]);
  });

  it("has a quota of frames and of bytes, freed by what its member took or what expired", async () => {
    await using registry = await startRegistry({ bounds: { mailboxFrames: 3, mailboxBytes: 1500 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const store = async (content: Uint8Array, expires = 0): Promise<string | undefined> => {
      bob.sendFrame(carol, content, { store: true, expires });
      const { state, error } = await bob.nextResult();
      return error?.code ?? state;
    };
    const soon = Date.now() + 300;
    expect(await store(bytes(1), soon)).toBe("stored");
    for (const value of [2, 3]) expect(await store(bytes(value))).toBe("stored");
    expect(await store(bytes(4))).toBe("mailbox_full");
    await expect.poll(() => store(bytes(5))).toBe("stored");
    expect(Date.now()).toBeGreaterThanOrEqual(soon);
    const device = await mesh.open(carol);
    for (const value of [2, 3]) expect((await device.nextDelivery()).content).toEqual(bytes(value));
    const last = await device.nextDelivery();
    await device.request("mailbox.ack", { offset: last.mailbox?.offset ?? 0 });
    expect(await store(new Uint8Array(1500 - 280 + 1))).toBe("mailbox_full");
    expect(await store(new Uint8Array(1500 - 280))).toBe("stored");
  });

  it("drops what expired before it was taken", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const expires = Date.now() + 150;
    bob.sendFrame(carol, bytes(1), { store: true, expires });
    bob.sendFrame(carol, bytes(2), { store: true });
    await expect.poll(() => Date.now() > expires).toBe(true);
    const device = await mesh.open(carol);
    expect((await device.nextDelivery()).content).toEqual(bytes(2));
  });

  it("gives a person's frames to each device, and an agent's to one that the next replaces", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const person = await mesh.admit("pia", { kind: "person", devices: 2 });
    const agent = await mesh.admit("ada", { devices: 2 });
    for (const to of [person, agent]) bob.sendFrame(to, bytes(1), { store: true });
    const pia = [await mesh.open(person, { device: 0 }), await mesh.open(person, { device: 1 })];
    const taken = await Promise.all(pia.map((device) => device.nextDelivery()));
    expect(taken.map(({ content }) => content)).toEqual([bytes(1), bytes(1)]);
    await pia[0]?.request("mailbox.ack", { offset: taken[0]?.mailbox?.offset ?? 0 });
    await Promise.all(pia.map((device) => device.close()));
    const again = await mesh.open(person, { device: 1 });
    expect((await again.nextDelivery()).content).toEqual(bytes(1));

    const ada = [await mesh.open(agent, { device: 0 }), await mesh.open(agent, { device: 1 })] as const;
    expect((await ada[0].nextDelivery()).content).toEqual(bytes(1));
    await ada[0].close();
    expect((await ada[1].nextDelivery()).content).toEqual(bytes(1));
  });

  it("is pushed no faster than its reader reads, and nothing is lost", async () => {
    await using registry = await startRegistry({ bounds: { mailboxAheadBytes: 64 * 1024 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const content = new Uint8Array(60 * 1024);
    for (let count = 0; count < 150; count++) bob.sendFrame(carol, content.fill(count), { store: true });
    for (let count = 0; count < 150; count++) expect((await bob.nextResult()).state).toBe("stored");
    const device = await mesh.open(carol);
    for (let count = 0; count < 150; count++) {
      const { content: taken, mailbox } = await device.nextDelivery();
      expect(taken[0]).toBe(count);
      await device.request("mailbox.ack", { offset: mailbox?.offset ?? 0 });
    }
  });

  it("bounds the frames of one session that wait for the store, and stores them all", async () => {
    await using registry = await startRegistry({ bounds: { storingFrames: 4 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    for (let count = 0; count < 100; count++) bob.sendFrame(carol, bytes(count), { store: true });
    for (let count = 0; count < 100; count++) expect((await bob.nextResult()).state).toBe("stored");
  });

  it("pushes so many frames ahead of what is acknowledged, and goes on with each acknowledgement", async () => {
    await using registry = await startRegistry({ bounds: { mailboxAheadFrames: 3 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    for (let count = 1; count <= 8; count++) bob.sendFrame(carol, bytes(count), { store: true });
    for (let count = 1; count <= 8; count++) expect((await bob.nextResult()).state).toBe("stored");
    const device = await mesh.open(carol);
    const taken = [await device.nextDelivery(), await device.nextDelivery(), await device.nextDelivery()];
    // Answers come behind what was pushed before: no fourth frame is under way.
    await device.request("ping", {});
    expect(device.waitingDeliveries).toBe(0);
    await device.request("mailbox.ack", { offset: taken[1]?.mailbox?.offset ?? 0 });
    const more = [await device.nextDelivery(), await device.nextDelivery()];
    expect(more.map(({ content }) => content)).toEqual([bytes(4), bytes(5)]);
    await device.request("ping", {});
    expect(device.waitingDeliveries).toBe(0);
  });

  it("has a quota for each sender, which says what is full and leaves room for the others", async () => {
    await using registry = await startRegistry({ bounds: { mailboxFramesPerSender: 2, mailboxBytesPerSender: 1000 } });
    const mesh = await registry.claim();
    const [bob, dan] = [await mesh.join("bob"), await mesh.join("dan")];
    const carol = await mesh.admit("carol");
    const expires = Date.now() + 60_000;
    const store = async (from: typeof bob, content: Uint8Array): Promise<unknown> => {
      from.sendFrame(carol, content, { store: true, expires });
      const { state, error } = await from.nextResult();
      return error === undefined ? state : [error.code, error.data];
    };
    expect([await store(bob, bytes(1)), await store(bob, bytes(2))]).toEqual(["stored", "stored"]);
    const full = (limit: string, oldestExpires: number): unknown => ["mailbox_full", { limit, oldestExpires }];
    expect(await store(bob, bytes(3))).toEqual(full("mailboxEnvelopesPerSender", expires));
    expect(await store(dan, new Uint8Array(1000 - 280 + 1))).toEqual(full("mailboxBytesPerSender", 0));
    expect(await store(dan, new Uint8Array(1000 - 280))).toBe("stored");
    // Counted anew by a node that starts.
    const device = await mesh.open(carol);
    await device.request("mailbox.ack", { offset: (await device.nextDelivery()).mailbox?.offset ?? 0 });
    expect(await store(bob, bytes(4))).toBe("stored");
  });

  it("counts what each sender has in it anew when a node starts", async () => {
    const stores = faultyStores();
    const bounds = { mailboxFramesPerSender: 1 };
    const before = await startRegistry({ stores, bounds });
    const mesh = await before.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    bob.sendFrame(carol, bytes(1), { store: true });
    expect((await bob.nextResult()).state).toBe("stored");
    await before.registry.stop();
    await using registry = await startRegistry({ stores, bounds, nodeKey: before.nodeKey });
    const again = await TestDevice.open(registry.origin, bob.identity, mesh.mesh);
    again.sendFrame(carol, bytes(2), { store: true });
    expect((await again.nextResult()).error).toMatchObject({ code: "mailbox_full" });
  });

  it("drops what expired, and tells each device that had not taken it, once it comes", async () => {
    await using registry = await startRegistry({ bounds: { sweepMs: 20 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const person = await mesh.admit("pia", { kind: "person", devices: 2 });
    const agent = await mesh.admit("ada");
    const first = await mesh.open(person, { device: 0 });
    const expires = Date.now() + 250;
    const places: number[] = [];
    for (const value of [1, 2]) {
      for (const to of [person, agent]) {
        bob.sendFrame(to, bytes(value), { store: true, expires });
        expect((await bob.nextResult()).state).toBe("stored");
      }
      places.push((await first.nextDelivery()).mailbox?.offset ?? 0);
    }
    await first.request("mailbox.ack", { offset: places[0] ?? 0 });
    const boundsOf = (member: string): Promise<{ first: number; last: number }> =>
      registry.stores.log.bounds(`mailbox/${member}`);
    for (const { member } of [person, agent])
      await expect.poll(async () => (await boundsOf(member)).first > (await boundsOf(member)).last).toBe(true);
    expect(Date.now()).toBeGreaterThanOrEqual(expires);
    await first.close();
    // It took the first of them, and comes back without the second.
    const again = await mesh.open(person, { device: 0 });
    const trimmed = await again.nextPush("mailbox.trimmed");
    expect(trimmed).toMatchObject({ to: places[1], reason: "expired" });
    expect(trimmed.from).toBeGreaterThan(places[0] ?? 0);
    // Its other device was never here.
    const other = await mesh.open(person, { device: 1 });
    expect(await other.nextPush("mailbox.trimmed")).toEqual({ from: places[0], to: places[1], reason: "expired" });
    const ada = await mesh.open(agent);
    expect(await ada.nextPush("mailbox.trimmed")).toMatchObject({ reason: "expired" });
    // Whoever took something later was told: it is not said again.
    bob.sendFrame(agent, bytes(3), { store: true });
    await ada.request("mailbox.ack", { offset: (await ada.nextDelivery()).mailbox?.offset ?? 0 });
    await ada.close();
    const later = await mesh.open(agent);
    bob.sendFrame(agent, bytes(4), { store: true });
    expect((await later.nextDelivery()).content).toEqual(bytes(4));
    expect(later.waitingPushes("mailbox.trimmed")).toBe(0);
  });

  it("is held back by no device that is gone, waits for a new one, and outlives them all", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const person = await mesh.admit("pia", { kind: "person", devices: 3 });
    const listed = async (number: number, ...devices: number[]): Promise<string> =>
      person.deviceList(mesh.mesh, {
        number,
        devices: devices.map((index) => ({
          device: person.device(index).id,
          key: person.device(index).publicKey,
          label: "test",
          since: Date.now(),
        })),
      });
    const two = await mesh.open(person, { device: 0, devices: await listed(2, 0, 1) });
    bob.sendFrame(person, bytes(1), { store: true });
    const taken = await two.nextDelivery();
    await two.request("mailbox.ack", { offset: taken.mailbox?.offset ?? 0 });
    const names = async (): Promise<{ first: number; last: number }> =>
      registry.stores.log.bounds(`mailbox/${person.member}`);
    expect((await names()).first).toBeLessThanOrEqual(taken.mailbox?.offset ?? 0);
    await two.request("devices.publish", { devices: await listed(3, 0) });
    await expect.poll(async () => (await names()).first > (taken.mailbox?.offset ?? 0)).toBe(true);
    bob.sendFrame(person, bytes(2), { store: true });
    expect((await two.nextDelivery()).content).toEqual(bytes(2));
    // A new device gets what waits.
    const fresh = await mesh.open(person, { device: 2, devices: await listed(4, 0, 2) });
    expect((await fresh.nextDelivery()).content).toEqual(bytes(2));
    expect(fresh.waitingPushes("mailbox.trimmed")).toBe(0);
  });

  it("is dropped with its member", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.join("carol");
    bob.sendFrame(carol.identity, bytes(1), { store: true });
    await carol.nextDelivery();
    await mesh.operator.request("order.publish", {
      type: "revocations",
      statement: await mesh.operator.identity.revoke(mesh.mesh, 1, [carol.identity.member]),
    });
    expect(errorCodeOfClose((await carol.closed).code)).toBe("revoked");
    await expect.poll(async () => (await registry.stores.log.streams("mailbox/")).names).toEqual([]);
  });
});

describe("what waits for one device", () => {
  it("is handed over once when it comes, beside its member's mailbox", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const toDevice = carol.device().id;
    for (let count = 1; count <= 3; count++) {
      bob.sendFrame(carol, bytes(count), { store: true, toDevice });
      expect(await bob.nextResult()).toMatchObject({ state: "stored" });
    }
    const first = await mesh.open(carol);
    for (const count of [1, 2, 3])
      expect(await first.nextDelivery()).toMatchObject({ content: bytes(count), mailbox: undefined });
    bob.sendFrame(carol, bytes(4), { store: true, toDevice });
    expect(await bob.nextResult()).toMatchObject({ state: "relayed" });
    expect((await first.nextDelivery()).content).toEqual(bytes(4));
    await first.close();
    const second = await mesh.open(carol);
    bob.sendFrame(carol, bytes(5), { store: true });
    expect(await second.nextDelivery()).toMatchObject({ content: bytes(5), mailbox: { previous: 0 } });
  });

  it("is refused for a device that its member does not list", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const unlisted = `${"B".repeat(42)}A`;
    bob.sendFrame(carol, bytes(1), { store: true, toDevice: bob.identity.device().id });
    expect((await bob.nextResult()).error?.code).toBe("not_connected");
    bob.sendFrame(carol, bytes(1), { store: true, toDevice: unlisted });
    expect((await bob.nextResult()).error?.code).toBe("device_removed");
    expect((await registry.stores.log.streams("")).names.filter((name) => name.includes(unlisted))).toEqual([]);
  });

  it.each([
    [2, [1, 2]],
    [3, [1, 2, 3]],
    [4, [2, 3, 4]],
  ])("keeps the newest three of %i frames where there is room for three", async (count, kept) => {
    await using registry = await startRegistry({ bounds: { deviceBoxFrames: 3 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    for (let number = 1; number <= count; number++) {
      bob.sendFrame(carol, bytes(number), { store: true, toDevice: carol.device().id });
      await bob.nextResult();
    }
    const device = await mesh.open(carol);
    for (const number of kept) expect((await device.nextDelivery()).content).toEqual(bytes(number));
  });
});
