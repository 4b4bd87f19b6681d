import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { takePosts } from "./channel-scene.ts";
import { outcomeOf, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

let registry: RunningRegistry;
let mesh: WireMesh;
let alice: TestDevice;
let bob: TestDevice;

beforeAll(async () => {
  registry = await startRegistry();
  mesh = await registry.claim();
  [alice, bob] = [await mesh.join("alice"), await mesh.join("bob", { kind: "person" })];
});

afterAll(() => registry[Symbol.asyncDispose]());

const channelOf = async (device: TestDevice, name: string): Promise<string> =>
  (await device.request("channel.get", { name })).channel.channel;

describe("a public channel", () => {
  it("is there from the start, twice, and is joined by those who want to", async () => {
    const { channels } = await alice.request("channel.list", {});
    expect(channels.map(({ name, joined, open, kind }) => ({ name, joined, open, kind }))).toEqual([
      { name: "agents", joined: false, open: true, kind: "public" },
      { name: "general", joined: false, open: true, kind: "public" },
    ]);
    const { channel } = await alice.request("channel.join", { name: "general" });
    expect(channel).toMatchObject({ joined: true, members: 1 });
    expect((await alice.request("channel.join", { name: "general" })).channel).toEqual(channel);
  });

  it("hands posts to its followers in order, the author included, and tells the author where they lie", async () => {
    const { channel, bounds } = await alice.request("channel.create", { name: "talk", kind: "public", topic: "all" });
    expect(channel).toMatchObject({ topic: "all", encrypted: false, createdBy: alice.identity.member, members: 1 });
    const id = channel.channel;
    await bob.request("channel.join", { channel: id });
    const follow = { channels: [{ channel: id, after: 0 }] };
    for (const device of [alice, bob])
      expect((await device.request("channel.follow", follow)).channels[0]).toMatchObject({ after: 0, bounds });
    const results = [await alice.post(id), await bob.post(id), await alice.post(id)];
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    for (const device of [alice, bob])
      expect(await takePosts(device, 3, 0)).toMatchObject({ ids: results.map((result) => result.id), chained: true });
    const page = await bob.request("channel.read", { channel: id });
    expect(page.posts.map(({ offset, at }) => ({ offset, at }))).toEqual(
      results.map(({ offset, at }) => ({ offset, at })),
    );
    expect(page.complete).toBe(true);
  });

  it("takes a post once", async () => {
    const id = await channelOf(alice, "talk");
    const post = { id: "AAAAAAAAAAAAAAAAAAAAAA" };
    const first = await alice.post(id, post);
    expect(await alice.post(id, post)).toEqual(first);
  });

  it("takes no posts of others' devices, of who is not in it, or that are for another mesh", async () => {
    const id = await channelOf(alice, "talk");
    const carol = await mesh.join("carol");
    expect((await carol.post(id)).error?.code).toBe("not_in_channel");
    expect((await alice.post(id, { member: bob.identity.member })).error?.code).toBe("forbidden");
    expect((await alice.post(id, { mesh: id })).error?.code).toBe("wrong_mesh");
    expect((await alice.post(mesh.mesh)).error?.code).toBe("unknown_channel");
    const encrypted = { epoch: 1, message: "AAAA" };
    expect((await alice.post(id, { encrypted })).error?.code).toBe("invalid_argument");
    const via = { edge: "door", id: "x", name: "x", standing: "keyless" } as const;
    expect((await alice.post(id, { via })).error?.code).toBe("forbidden");
  });

  it("goes on from where a follower was", async () => {
    const id = await channelOf(alice, "talk");
    const carol = await mesh.join("carla");
    await carol.request("channel.join", { channel: id });
    const { posts: before } = await carol.request("channel.read", { channel: id });
    const [first] = before;
    const after = first?.offset ?? 0;
    await carol.request("channel.follow", { channels: [{ channel: id, after }] });
    expect(await takePosts(carol, before.length - 1, after)).toMatchObject({ chained: true });
    const { id: fresh } = await alice.post(id);
    expect((await takePosts(carol, 1, before.at(-1)?.offset ?? 0)).ids).toEqual([fresh]);
  });

  it("cannot be made with a name that looks like another's", async () => {
    for (const name of ["talk", "Talk", "ta1k"])
      expect(await outcomeOf(bob.request("channel.create", { name, kind: "public" }))).toBe("name_taken");
  });
});
