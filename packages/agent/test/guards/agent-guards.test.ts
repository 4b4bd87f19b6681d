import type { DeviceApi, IncomingMessage, Sender } from "@parley/client";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { AgentGuards, type GuardedMention } from "../../src/guards/agent-guards.ts";
import { manifestSchema } from "../../src/manifest-schema.ts";
import { FakeDevice } from "../fake-device.ts";

const from: Sender = {
  member: "m-eve",
  name: "eve",
  device: "d-eve",
  kind: "agent",
  roles: ["member"],
  trust: "member",
  verified: false,
};

const message = (change: Partial<IncomingMessage> = {}): IncomingMessage => ({
  id: "e.1",
  from,
  text: "hello",
  attachments: [],
  created: 0,
  path: "relay",
  class: "durable",
  redelivered: false,
  hops: 0,
  request: false,
  secret: false,
  ...change,
});

const mention = (change: Partial<GuardedMention> = {}): GuardedMention => ({
  id: "p1",
  conversation: "#c",
  name: "#general",
  thread: undefined,
  author: "m-eve",
  byName: true,
  hops: 0,
  client: undefined,
  ...change,
});

async function begin(manifest: Record<string, unknown> = {}) {
  const device = new FakeDevice();
  const clock = new FakeClock();
  const lines: string[] = [];
  const guards = new AgentGuards({
    device: device as DeviceApi,
    manifest: manifestSchema.parse({ name: "self", ...manifest }),
    clock,
    log: (_level, event) => void lines.push(event),
  });
  await guards.begin();
  return { device, clock, lines, guards };
}

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol("open");
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  return (await Promise.race([promise.catch(() => undefined), Promise.resolve(open)])) !== open;
}

const client = { id: "m-door/1a2b", name: "shell", edge: "door", standing: "keyless" } as const;

describe("what stands before an agent's program", () => {
  it("leaves a post of somebody behind an edge unread until that one is admitted", async () => {
    const { device, guards } = await begin();
    expect(await guards.takesMention(mention({ client }))).toBe(false);
    expect(device.guards.clients).toMatchObject([client]);
    await device.guards.admit(client.id);
    expect(await guards.takesMention(mention({ client }))).toBe(true);
  });

  it("leaves posts of those who wait and who are blocked, and of too many hops", async () => {
    const { device, guards } = await begin();
    expect(await guards.takesMention(mention({ hops: 8 }))).toBe(true);
    expect(await guards.takesMention(mention({ hops: 9 }))).toBe(false);
    device.guards.standing = { ...device.guards.standing, trust: "guest", waits: true };
    expect(await guards.takesMention(mention())).toBe(false);
    device.guards.standing = { ...device.guards.standing, waits: false, isBlocked: true };
    expect(await guards.takesMention(mention())).toBe(false);
    await expect(guards.takes(message())).rejects.toMatchObject({ code: "blocked" });
  });

  it("takes what 8 hops brought, unless told otherwise, and no more", async () => {
    for (const [most, manifest] of [
      [8, {}],
      [1, { guards: { hops: 1 } }],
      [16, { guards: { hops: 16 } }],
    ] as const) {
      const { guards } = await begin(manifest);
      expect(await guards.takes(message({ hops: most - 1 }))).toBe(true);
      expect(await guards.takes(message({ hops: most }))).toBe(true);
      await expect(guards.takes(message({ hops: most + 1 }))).rejects.toMatchObject({ code: "too_many_hops" });
      expect(() => guards.checkCall({ from, hops: most })).not.toThrow();
      expect(() => guards.checkCall({ from, hops: most + 1 })).toThrow(/passed on/);
    }
  });

  it("hands a library's own notice to no program", async () => {
    const { guards } = await begin();
    expect(await guards.takes(message({ notice: "loop-stopped" }))).toBe(false);
  });

  it("leaves a call to many unread when it attends to its name only, and lets its name through", async () => {
    const { guards } = await begin({ attention: "mentions" });
    expect(await guards.takesMention(mention({ byName: false }))).toBe(false);
    expect(await guards.takesMention(mention())).toBe(true);
    await guards.ready(from);
  });

  it("leaves a call to many unread while it must not be disturbed, unless an operator calls", async () => {
    const { device, guards } = await begin({ attention: "do-not-disturb" });
    expect(await guards.takesMention(mention({ byName: false }))).toBe(false);
    device.guards.standing = { ...device.guards.standing, trust: "operator" };
    expect(await guards.takesMention(mention({ byName: false }))).toBe(true);
  });

  it("holds messages and posts while it must not be disturbed, but for operators, and ends the wait when it stops", async () => {
    const { guards } = await begin({ attention: "do-not-disturb" });
    const waiting = guards.ready(from);
    const post = guards.takesMention(mention());
    expect(await isSettled(waiting)).toBe(false);
    expect(await isSettled(post)).toBe(false);
    await guards.ready({ ...from, trust: "operator" });
    expect(() => guards.checkCall({ from, hops: 0 })).toThrow(/takes nothing now/);
    expect(() => guards.checkCall({ from: { ...from, trust: "operator" }, hops: 0 })).not.toThrow();
    guards.stop();
    await expect(waiting).rejects.toMatchObject({ code: "closed" });
    await expect(post).rejects.toMatchObject({ code: "closed" });
  });

  it("lets a sender's bucket run dry and fill again, and nobody else wait for it", async () => {
    const { clock, guards } = await begin({ guards: { perMinute: { sender: 2 } } });
    await guards.ready(from);
    await guards.ready(from);
    const third = guards.ready(from);
    expect(await isSettled(third)).toBe(false);
    await guards.ready({ ...from, member: "m-ada" });
    expect(() => guards.checkCall({ from, hops: 0 })).toThrow(/too often/);
    clock.advance(29_000);
    expect(await isSettled(third)).toBe(false);
    clock.advance(1_000);
    await third;
  });

  it("bounds a channel, and all together", async () => {
    const { clock, guards } = await begin({ guards: { perMinute: { channel: 1, total: 3 } } });
    expect(await guards.takesMention(mention())).toBe(true);
    const second = guards.takesMention(mention());
    expect(await isSettled(second)).toBe(false);
    await guards.ready(from);
    await guards.ready({ ...from, member: "m-ada" });
    const another = guards.ready({ ...from, member: "m-bob" });
    expect(await isSettled(another)).toBe(false);
    clock.advance(60_000);
    await Promise.all([second, another]);
  });
});
