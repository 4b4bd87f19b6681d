import type { PushBody } from "@parley/protocol";
import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcomeOf, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

type Event = PushBody<"channel.event">;

let registry: RunningRegistry;
let mesh: WireMesh;
let alice: TestDevice;
let bob: TestDevice;
let channel: string;

beforeAll(async () => {
  registry = await startRegistry({ bounds: { presenceMembers: 4 } });
  mesh = await registry.claim();
  [alice, bob] = [await mesh.join("alice"), await mesh.join("bob")];
  ({ channel } = (await alice.request("channel.create", { name: "talk", kind: "public" })).channel);
});

afterAll(() => registry[Symbol.asyncDispose]());

/** The next event of this kind. */
async function next(device: TestDevice, what: Event["what"], in_: string = channel): Promise<Event> {
  for (;;) {
    const event = await device.nextPush("channel.event");
    if (event.what === what && event.channel === in_) return event;
  }
}

describe("what happens in a channel", () => {
  it("is told to everybody in it: who came, went, is here or not, and that it changed", async () => {
    await bob.request("channel.join", { channel });
    expect(await next(alice, "joined")).toMatchObject({ member: bob.identity.member });
    await bob.request("channel.set", { channel, topic: "new" });
    expect(await next(alice, "changed")).toMatchObject({ by: bob.identity.member });
    await bob.close();
    expect(await next(alice, "absent")).toMatchObject({ member: bob.identity.member });
    bob = await mesh.open(bob.identity);
    expect(await next(alice, "present")).toMatchObject({ member: bob.identity.member });
    await bob.request("channel.leave", { channel });
    expect(await next(alice, "left")).toMatchObject({ member: bob.identity.member });
    expect(await next(bob, "left")).toMatchObject({ member: bob.identity.member });
    await alice.request("channel.set", { channel, topic: "newer" });
    await bob.request("ping", {});
    expect(bob.waitingPushes("channel.event")).toBe(0);
  });

  it("is the coming and going of a member, not of each of its devices", async () => {
    const two = await mesh.admit("two", { devices: 2, kind: "person" });
    const first = await mesh.open(two);
    await first.request("channel.join", { channel });
    await next(alice, "joined");
    const second = await mesh.open(two, { device: 1 });
    await first.close();
    await second.request("ping", {});
    await alice.request("ping", {});
    expect(alice.waitingPushes("channel.event")).toBe(0);
    await second.close();
    await next(alice, "absent");
    const third = await mesh.open(two);
    await next(alice, "present");
    await third.request("channel.leave", { channel });
  });

  it("tells who writes, to the others, and not more often than a person can", async () => {
    await bob.request("channel.join", { channel });
    await alice.request("channel.typing", { channel, writes: true });
    expect(await next(bob, "typing")).toMatchObject({ member: alice.identity.member });
    await alice.request("channel.typing", { channel, writes: false });
    await next(bob, "quiet");
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, () => outcomeOf(alice.request("channel.typing", { channel, writes: true }))),
    );
    expect(new Set(outcomes)).toEqual(new Set(["done", "rate_limited"]));
    const carol = await mesh.join("carol");
    expect(await outcomeOf(carol.request("channel.typing", { channel, writes: true }))).toBe("not_in_channel");
  });

  it("leaves who is here out where too many are in it", async () => {
    const many = await Promise.all(Array.from({ length: 8 }, (_, index) => mesh.join(`many-${index}`)));
    const { channel: crowd } = (await alice.request("channel.create", { name: "crowd", kind: "public" })).channel;
    await Promise.all(many.map((device) => device.request("channel.join", { channel: crowd })));
    const { members } = await alice.request("channel.members", { channel: crowd });
    expect(members).toHaveLength(9);
    // Too many to be told who is here.
    await many[0]?.close();
    await alice.request("channel.set", { channel: crowd, topic: "end" });
    const events: Event[] = [];
    while (events.at(-1)?.what !== "changed" || events.at(-1)?.by === undefined)
      events.push(await alice.nextPush("channel.event"));
    expect(events.filter(({ what }) => what === "absent")).toEqual([]);
  });
});

describe("a member that comes and goes in a loop", () => {
  it("is told of so often, then in one word, and hears itself what becomes of it", async () => {
    await using crowded = await startRegistry({ bounds: { channelEventsPerSecond: 2 } });
    const own = await crowded.claim();
    const [ann, pest] = [await own.join("ann"), await own.join("pest")];
    const { channel: id } = (await ann.request("channel.create", { name: "door", kind: "public" })).channel;
    const rounds = 50;
    for (let round = 0; round < rounds; round++) {
      await pest.request("channel.join", { channel: id });
      await pest.request("channel.leave", { channel: id });
    }
    await next(ann, "changed", id);
    expect(ann.waitingPushes("channel.event")).toBeLessThan(rounds / 2);
    expect((await ann.request("channel.get", { channel: id })).channel.members).toBe(1);
    for (let round = 0; round < rounds; round++) await next(pest, "left", id);
  });
});
