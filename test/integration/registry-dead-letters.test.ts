import { randomId16, type TestDevice, type TestIdentity } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { openRawDevice } from "./raw-device.ts";
import { outcomeOf, startRegistry } from "./registry-fixture.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

async function store(from: TestDevice, to: TestIdentity, content: Uint8Array, expires = 0): Promise<void> {
  from.sendFrame(to, content, { store: true, expires });
  expect(await from.nextResult()).toMatchObject({ state: "stored" });
}

const placeOf = async (device: TestDevice): Promise<number> => (await device.nextDelivery()).mailbox?.offset ?? 0;

describe("a frame that a device can never take", () => {
  it("becomes a dead letter with its code, does not hold up the others, and can be put back", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.join("carol");
    const expires = Date.now() + 60_000;
    await store(bob, carol.identity, bytes(1), expires);
    const bad = await placeOf(carol);
    await carol.request("mailbox.refuse", { offset: bad, code: "cannot_open" });
    await carol.request("mailbox.refuse", { offset: bad, code: "bad_signature" });
    await carol.request("mailbox.ack", { offset: bad });
    await store(bob, carol.identity, bytes(2));
    await carol.request("mailbox.ack", { offset: await placeOf(carol) });
    const { letters, next } = await carol.request("mailbox.dead.list", {});
    expect(next).toBeUndefined();
    expect(letters).toEqual([
      {
        offset: bad,
        at: expect.any(Number) as number,
        code: "cannot_open",
        device: carol.device,
        fromMember: bob.identity.member,
        fromDevice: bob.device,
        frame: expect.any(String) as string,
        bytes: 281,
        expires,
      },
    ]);
    const { offset } = await carol.request("mailbox.dead.redeliver", { offset: bad });
    expect(await carol.nextDelivery()).toMatchObject({ content: bytes(1), mailbox: { offset } });
    expect((await carol.request("mailbox.dead.list", {})).letters).toEqual([]);
    expect(await outcomeOf(carol.request("mailbox.dead.redeliver", { offset: bad }))).toBe("not_found");
  });

  it("is refused only while it is in the mailbox", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const carol = await mesh.join("carol");
    expect(await outcomeOf(carol.request("mailbox.refuse", { offset: 7, code: "malformed_frame" }))).toBe("not_found");
    expect(await carol.request("mailbox.dead.remove", { offsets: [7] })).toEqual({ removed: 0 });
  });

  it("is one of a bounded number, of which the oldest goes, in pages", async () => {
    await using registry = await startRegistry({ bounds: { deadLetters: 3 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.join("carol");
    const places: number[] = [];
    for (let count = 0; count < 4; count++) {
      await store(bob, carol.identity, bytes(count));
      const offset = await placeOf(carol);
      places.push(offset);
      await carol.request("mailbox.refuse", { offset, code: "malformed_frame" });
    }
    const first = await carol.request("mailbox.dead.list", { limit: 2 });
    expect([first.letters.map(({ offset }) => offset), first.next]).toEqual([places.slice(1, 3), places[2]]);
    const rest = await carol.request("mailbox.dead.list", { limit: 2, after: first.next ?? 0 });
    expect([rest.letters.map(({ offset }) => offset), rest.next]).toEqual([places.slice(3), undefined]);
    expect(await carol.request("mailbox.dead.remove", { offsets: places })).toEqual({ removed: 3 });
    expect((await carol.request("mailbox.dead.list", {})).letters).toEqual([]);
  });

  it("keeps its expiry", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.join("carol");
    const expires = Date.now() + 200;
    await store(bob, carol.identity, bytes(1), expires);
    const offset = await placeOf(carol);
    await carol.request("mailbox.refuse", { offset, code: "malformed_frame" });
    await expect.poll(async () => (await carol.request("mailbox.dead.list", {})).letters).toEqual([]);
    expect(Date.now()).toBeGreaterThanOrEqual(expires);
    expect(await outcomeOf(carol.request("mailbox.dead.redeliver", { offset }))).toBe("expired");
  });

  it("is each member's own affair", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    await store(bob, carol.identity, bytes(1));
    const offset = await placeOf(carol);
    await carol.request("mailbox.refuse", { offset, code: "malformed_frame" });
    expect((await bob.request("mailbox.dead.list", {})).letters).toEqual([]);
    expect(await bob.request("mailbox.dead.remove", { offsets: [offset] })).toEqual({ removed: 0 });
    expect(await outcomeOf(bob.request("mailbox.dead.redeliver", { offset }))).toBe("not_found");
    expect((await carol.request("mailbox.dead.list", {})).letters).toHaveLength(1);
  });
});

describe("a frame at which a device stops, start after start", () => {
  it("becomes a dead letter, so that what lies behind it comes through", async () => {
    await using registry = await startRegistry({ bounds: { mailboxAttempts: 3 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    for (const value of [1, 2, 3]) await store(bob, carol, bytes(value));
    for (let start = 0; start < 3; start++) {
      // The frame brings the device down: its connection breaks without a close.
      const broken = await openRawDevice(mesh, carol);
      await broken.nextBytes();
      broken.destroy();
      await expect.poll(async () => (await bob.request("directory.get", { name: "carol" })).devices).toEqual([]);
    }
    const device = await mesh.open(carol);
    const taken = await device.nextDelivery();
    expect(taken.content).toEqual(bytes(2));
    const { letters } = await device.request("mailbox.dead.list", {});
    expect(letters.map(({ code, device: by }) => [code, by])).toEqual([["timeout", device.device]]);
  });

  it("stays for a device that only lost its connection, again and again, in one start", async () => {
    await using registry = await startRegistry({ bounds: { mailboxAttempts: 3 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    await store(bob, carol, bytes(1));
    const boot = randomId16();
    for (let start = 0; start < 4; start++) {
      const broken = await openRawDevice(mesh, carol, { boot });
      await broken.nextBytes();
      broken.destroy();
      await expect.poll(async () => (await bob.request("directory.get", { name: "carol" })).devices).toEqual([]);
    }
    const device = await mesh.open(carol);
    expect((await device.nextDelivery()).content).toEqual(bytes(1));
    expect((await device.request("mailbox.dead.list", {})).letters).toEqual([]);
  });
});
