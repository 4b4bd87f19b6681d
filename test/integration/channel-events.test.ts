import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readForward, takePosts } from "./channel-scene.ts";
import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

let registry: RunningRegistry;
let mesh: WireMesh;
let alice: TestDevice;
let bob: TestDevice;

beforeAll(async () => {
  registry = await startRegistry();
  mesh = await registry.claim();
  [alice, bob] = [await mesh.join("alice"), await mesh.join("bob")];
});

afterAll(() => registry[Symbol.asyncDispose]());

async function nextAbout(device: TestDevice, member: string, what: string): Promise<void> {
  for (;;) {
    const event = await device.nextPush("channel.event");
    if (event.member === member && event.what === what) return;
  }
}

describe("who comes and goes in a channel", () => {
  it("is told to its members, takes no number, and is not told again", async () => {
    const { channel } = (await alice.request("channel.create", { name: "talk", kind: "public" })).channel;
    await alice.request("channel.follow", { channels: [{ channel, after: 0 }] });
    const first = await alice.post(channel);
    await bob.request("channel.join", { channel });
    await nextAbout(alice, bob.identity.member, "joined");
    await bob.request("channel.leave", { channel });
    await nextAbout(alice, bob.identity.member, "left");
    const second = await alice.post(channel);
    expect(await takePosts(alice, 2, 0)).toMatchObject({ ids: [first.id, second.id], chained: true });
    const carol = await mesh.join("carol");
    const { bounds } = await carol.request("channel.join", { channel });
    expect(bounds.last).toBe(second.offset);
    expect(await readForward(carol, channel)).toEqual([first.id, second.id]);
  });
});
