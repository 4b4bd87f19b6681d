import { openMemoryJournal, type VerifiedMember } from "@parley/core";
import {
  envelopeKinds,
  type ErrorCode,
  type FrameResult,
  FrameWriter,
  limits,
  ParleyError,
  type Path,
} from "@parley/protocol";
import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import type { Delivery } from "../src/delivery.ts";
import type { Carrier } from "../src/device-lanes.ts";
import { DurableStream } from "../src/durable-stream.ts";
import type { MemberView } from "../src/member-view.ts";
import { WriteAgain } from "../src/write-again.ts";

const head = {
  kind: envelopeKinds.message,
  critical: true,
  created: 1,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
};
const nextTask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const linked = (device: string): Carrier => ({
  device,
  flush: () => undefined,
  link: { path: "direct" },
  connected: true,
});

/** A stream to a member with these devices, over a registry that answers when it is told to. */
async function sceneOf(kind: "agent" | "person", devices: readonly string[], paths?: readonly Path[]) {
  const clock = new FakeClock();
  const journal = openMemoryJournal();
  const { epoch } = await journal.load();
  const verified = {
    member: "ada",
    encryption: { kid: "", key: "" },
    devices: new Map(devices.map((device) => [device, {}])),
  } as unknown as VerifiedMember;
  const registry = Promise.withResolvers<FrameResult>();
  const deliveries: Delivery[] = [];
  const session = {
    isOpen: true,
    registryTime: 1,
    get carries() {
      return this.isOpen;
    },
  };
  const expiries: number[] = [];
  const onError = (): void => undefined;
  const presence: { device: string; inbox: number }[] = [];
  const stream = new DurableStream(
    {
      key: "ada",
      member: "ada",
      paths,
      epoch,
      lastSeq: 0,
      journal,
      writes: new WriteAgain({ clock, random: new SeededRandom(1), onError }),
      session,
      relay: () => ({
        send: () => {
          expiries.push(session.registryTime + limits.expiryMs);
          return registry.promise;
        },
      }),
      recipient: () => Promise.resolve(verified),
      reason: () => undefined,
      view: () => ({ kind, live: true, devices: presence, verified }) as unknown as MemberView,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      soon: (run) => clock.soon(run),
      onDelivery: (delivery) => void deliveries.push(delivery),
      onError,
    },
    [],
  );
  const settle = async (): Promise<number> => {
    for (let turn = 0; turn < 5; turn++) await nextTask();
    return (await journal.load()).outbox.length;
  };
  return {
    stream,
    deliveries,
    session,
    /** Until when each frame that was stored is kept. */
    expiries,
    clock,
    presence,
    devices: verified.devices as Map<string, unknown>,
    /** What is still in the outbox once everything has been done that is to be done now. */
    settle,
    send: () => stream.accept(head, new TextEncoder().encode("hello")),
    store: () => registry.resolve({ frame: "", state: "stored" }),
    /** The registry's answer to everything that is handed over. */
    refuse: (code: ErrorCode) => registry.resolve({ frame: "", state: "refused", error: { code, message: "" } }),
    /** Sends what waits over a device's link, which acknowledges it. */
    take(peer: Carrier): void {
      expect(stream.write(new FrameWriter(), peer)).toBe(true);
      stream.onAck(1, peer);
    },
  };
}

describe("the custody of a message", () => {
  it("does not end when it is stored, only when a device has it", async () => {
    const scene = await sceneOf("agent", ["one"]);
    await scene.send();
    scene.store();
    expect(await scene.settle()).toBe(1);
    expect(scene.deliveries.map(({ state }) => state)).toEqual(["accepted", "stored"]);
    scene.stream.onAck(1, linked("one"));
    expect(await scene.settle()).toBe(0);
    expect(scene.deliveries.map(({ state }) => state)).toEqual(["accepted", "stored", "delivered"]);
  });

  it("lasts, for a person with two devices, until the second has it too", async () => {
    const scene = await sceneOf("person", ["desk", "phone"]);
    const [desk, phone] = [linked("desk"), linked("phone")];
    scene.stream.meet(desk);
    scene.stream.meet(phone);
    await scene.send();
    scene.take(desk);
    expect(await scene.settle()).toBe(1);
    scene.take(phone);
    expect(await scene.settle()).toBe(0);
  });

  it("lasts, for a person with one device that is away, until the mailbox has it for that one", async () => {
    const scene = await sceneOf("person", ["desk", "phone"]);
    const desk = linked("desk");
    scene.stream.meet(desk);
    await scene.send();
    scene.take(desk);
    expect(await scene.settle()).toBe(1);
    scene.store();
    expect(await scene.settle()).toBe(0);
    expect(scene.deliveries.map(({ state }) => state)).toEqual(["accepted", "delivered"]);
  });

  it("lasts beyond the life of what was stored for a person's device that was away too long: it is stored again", async () => {
    const scene = await sceneOf("person", ["desk", "phone"]);
    await scene.send();
    scene.store();
    expect(await scene.settle()).toBe(1);
    scene.session.registryTime += limits.expiryMs - limits.clockSkewMs - 1;
    scene.stream.retry(scene.clock.monotonic());
    expect(await scene.settle()).toBe(1);
    expect(scene.expiries).toEqual([1 + limits.expiryMs]);
    scene.session.registryTime += 1;
    const again = scene.session.registryTime + limits.expiryMs;
    scene.session.isOpen = false;
    const desk = linked("desk");
    scene.stream.meet(desk);
    scene.take(desk);
    expect(await scene.settle()).toBe(1);
    scene.session.isOpen = true;
    scene.stream.retry(scene.clock.monotonic());
    expect(await scene.settle()).toBe(0);
    expect(scene.expiries).toEqual([1 + limits.expiryMs, again]);
  });

  it("lasts for the remaining device of a person when only one that went had it", async () => {
    const scene = await sceneOf("person", ["desk", "phone"]);
    const desk = linked("desk");
    scene.stream.meet(desk);
    await scene.send();
    scene.take(desk);
    scene.devices.delete("desk");
    scene.stream.refit();
    expect(await scene.settle()).toBe(1);
    scene.stream.onAck(1, linked("phone"));
    expect(await scene.settle()).toBe(0);
  });

  it("goes on flagged to another instance of an agent that had only one when this was sent", async () => {
    const scene = await sceneOf("agent", ["one"]);
    const one = linked("one");
    scene.stream.meet(one);
    await scene.send();
    expect(scene.stream.write(new FrameWriter(), one)).toBe(true);
    // A link that is replaced sends again from the beginning.
    scene.stream.meet({ ...one });
    scene.devices.set("two", {});
    scene.presence.push({ device: "two", inbox: 1 });
    scene.stream.refit();
    expect(scene.stream.stream.at(1)?.redelivered).toBe(true);
  });

  it("goes to the mailbox again flagged when one instance of an agent may have taken it from there", async () => {
    const scene = await sceneOf("agent", ["one", "two"]);
    scene.presence.push({ device: "one", inbox: 1 });
    await scene.send();
    scene.store();
    await scene.settle();
    expect(scene.stream.stream.at(1)?.redelivered).toBeUndefined();
    // The instance that has it went without an acknowledgement.
    scene.stream.retry(scene.clock.monotonic());
    scene.clock.advance(5000);
    scene.stream.retry(scene.clock.monotonic());
    expect(scene.stream.stream.at(1)?.redelivered).toBe(true);
  });

  it.each([
    ["closed", true],
    ["storage_unavailable", true],
    ["mailbox_full", undefined],
  ] as const)("goes again after %s with the flag %s, by whether it may have been stored", async (code, flag) => {
    const scene = await sceneOf("agent", ["one", "two"]);
    scene.presence.push({ device: "one", inbox: 1 });
    await scene.send();
    scene.refuse(code);
    await scene.settle();
    expect(scene.stream.stream.at(1)?.redelivered).toBe(flag);
  });

  it("goes to the mailbox of a person again as it was, because each device knows what it had", async () => {
    const scene = await sceneOf("person", ["desk"]);
    await scene.send();
    scene.refuse("closed");
    await scene.settle();
    expect(scene.stream.stream.at(1)?.redelivered).toBeUndefined();
  });

  it("waits for the only path that a message may take when its recipient passes the inbox on", async () => {
    const scene = await sceneOf("agent", ["one", "two"], ["direct"]);
    const one = linked("one");
    scene.presence.push({ device: "one", inbox: 1 });
    scene.stream.meet(one);
    await scene.send();
    expect(scene.stream.write(new FrameWriter(), one)).toBe(true);
    scene.stream.onRefusal(1, new ParleyError("not_holder"), one);
    expect(scene.stream.write(new FrameWriter(), one)).toBe(false);
    scene.clock.advance(500);
    expect(scene.stream.write(new FrameWriter(), one)).toBe(true);
  });
});
