import { errorCodeOfClose } from "@parley/protocol";
import { randomId16 } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { startRegistry } from "./registry-fixture.ts";

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

  it("is dropped with its member", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.join("carol");
    bob.sendFrame(carol.identity, bytes(1), { store: true });
    await carol.nextDelivery();
    await mesh.operator.request("revocations.publish", {
      revocations: await mesh.operator.identity.revoke(mesh.mesh, 1, [carol.identity.member]),
    });
    expect(errorCodeOfClose((await carol.closed).code)).toBe("revoked");
    await expect.poll(async () => (await registry.stores.log.streams("mailbox/")).names).toEqual([]);
  });
});
