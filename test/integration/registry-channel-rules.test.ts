import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcomeOf, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

let registry: RunningRegistry;
let mesh: WireMesh;
let alice: TestDevice;
let bob: TestDevice;
let carol: TestDevice;

beforeAll(async () => {
  registry = await startRegistry({
    bounds: { channels: 60, channelsCreated: 4, channelsMade: 8, channelsPerMember: 6, channelMembers: 3 },
  });
  mesh = await registry.claim();
  alice = await mesh.join("alice");
  bob = await mesh.join("bob");
  carol = await mesh.join("carol");
});

afterAll(() => registry[Symbol.asyncDispose]());

const make = async (device: TestDevice, name: string, kind: "public" | "invite" = "public"): Promise<string> =>
  (await device.request("channel.create", { name, kind })).channel.channel;

const namesFor = async (device: TestDevice): Promise<string[]> =>
  (await device.request("channel.list", {})).channels.map(({ name }) => name);

async function invitationOf(channel: string, from: TestDevice, to: TestDevice): Promise<string> {
  return from.makeInvitation(channel, to.identity.member);
}

describe("an invite-only channel", () => {
  it("is not there for those who are not invited, by name, by id, or in a list", async () => {
    const channel = await make(alice, "quiet", "invite");
    expect(await namesFor(alice)).toContain("quiet");
    expect(await namesFor(bob)).not.toContain("quiet");
    for (const wanted of [{ name: "quiet" }, { channel }]) {
      expect(await outcomeOf(bob.request("channel.get", wanted))).toBe("unknown_channel");
      expect(await outcomeOf(bob.request("channel.join", wanted))).toBe("unknown_channel");
    }
    for (const what of ["channel.leave", "channel.set", "channel.members", "channel.read"] as const)
      expect([what, await outcomeOf(bob.request(what, { channel }))]).toEqual([what, "unknown_channel"]);
    expect(await outcomeOf(bob.request("channel.kick", { channel, member: alice.identity.member }))).toBe(
      "unknown_channel",
    );
    expect(await outcomeOf(bob.request("group.info", { channel }))).toBe("unknown_channel");
    expect((await bob.post(channel)).error?.code).toBe("unknown_channel");
    const { channels } = await bob.request("channel.follow", { channels: [{ channel, after: 0 }] });
    expect(channels[0]?.error?.code).toBe("unknown_channel");
    expect(await outcomeOf(bob.request("channel.create", { name: "quiet", kind: "public" }))).toBe("name_taken");
  });

  it("is shown to operators, who may close it but neither join nor read it", async () => {
    const { channel } = (await mesh.operator.request("channel.get", { name: "quiet" })).channel;
    expect(await outcomeOf(mesh.operator.request("channel.join", { channel }))).toBe("not_invited");
    expect(await outcomeOf(mesh.operator.request("channel.read", { channel }))).toBe("not_in_channel");
    expect(await outcomeOf(mesh.operator.request("channel.members", { channel }))).toBe("not_in_channel");
    expect((await mesh.operator.request("channel.set", { channel, archived: true })).channel.archived).toBeTypeOf(
      "number",
    );
    expect((await alice.request("channel.set", { channel, archived: false })).channel.archived).toBeUndefined();
  });

  it("lets in who is invited, with the invitation that it was sent", async () => {
    const { channel } = (await alice.request("channel.get", { name: "quiet" })).channel;
    const member = bob.identity.member;
    const invitation = await invitationOf(channel, alice, bob);
    expect(await outcomeOf(alice.request("channel.invite", { channel, member }))).toBe("invalid_argument");
    const forCarol = await invitationOf(channel, alice, carol);
    expect(await outcomeOf(alice.request("channel.invite", { channel, member, invitation: forCarol }))).toBe(
      "invalid_argument",
    );
    const byBob = await invitationOf(channel, bob, bob);
    expect(await outcomeOf(alice.request("channel.invite", { channel, member, invitation: byBob }))).toBe("forbidden");
    await alice.request("channel.invite", { channel, member, invitation });
    expect(await bob.nextPush("channel.invited")).toMatchObject({
      channel: { name: "quiet", encrypted: true, joined: false, open: true },
      by: alice.identity.member,
    });
    expect(await namesFor(bob)).toContain("quiet");
    expect((await bob.request("channel.get", { channel })).invitation).toBe(invitation);
    expect(await bob.request("channel.join", { channel })).toMatchObject({ invitation, channel: { members: 2 } });
    const { members } = await bob.request("channel.members", { channel });
    expect(members.filter(({ owner }) => owner).map((each) => each.member)).toEqual([alice.identity.member]);
    expect(members).toHaveLength(2);
    expect(await outcomeOf(bob.request("channel.invite", { channel, member: carol.identity.member }))).toBe(
      "invalid_argument",
    );
  });

  it("is gone for whom its owner takes out, and an invitation can be taken back", async () => {
    const { channel } = (await alice.request("channel.get", { name: "quiet" })).channel;
    const member = carol.identity.member;
    await alice.request("channel.invite", { channel, member, invitation: await invitationOf(channel, alice, carol) });
    await alice.request("channel.kick", { channel, member });
    expect(await outcomeOf(carol.request("channel.join", { channel }))).toBe("unknown_channel");
    expect(await outcomeOf(bob.request("channel.kick", { channel, member: alice.identity.member }))).toBe("forbidden");
    await alice.request("channel.kick", { channel, member: bob.identity.member });
    expect(await bob.nextPush("channel.event")).toMatchObject({ what: "joined", member: bob.identity.member });
    expect(await bob.nextPush("channel.event")).toMatchObject({ what: "kicked", by: alice.identity.member });
    expect(await namesFor(bob)).not.toContain("quiet");
    // Again changes nothing.
    await alice.request("channel.kick", { channel, member: bob.identity.member });
  });

  it("lets its maker come back, unless an operator took it out", async () => {
    const channel = await make(bob, "of-bob", "invite");
    await bob.request("channel.leave", { channel });
    expect(await outcomeOf(bob.request("channel.read", { channel }))).toBe("not_in_channel");
    await bob.request("channel.join", { channel });
    await mesh.operator.request("channel.kick", { channel, member: bob.identity.member });
    expect(await outcomeOf(bob.request("channel.join", { channel }))).toBe("unknown_channel");
  });
});

describe("a channel's settings", () => {
  it("are changed by its owner and operators, the topic by anybody in it", async () => {
    const channel = await make(alice, "settings");
    expect(await outcomeOf(bob.request("channel.set", { channel, topic: "mine" }))).toBe("not_in_channel");
    await bob.request("channel.join", { channel });
    expect((await bob.request("channel.set", { channel, topic: "ours" })).channel.topic).toBe("ours");
    for (const change of [{ archived: true }, { history: "joined" as const }, { retention: { posts: 1 } }])
      expect(await outcomeOf(bob.request("channel.set", { channel, ...change }))).toBe("forbidden");
    const { retention } = (await alice.request("channel.set", { channel, retention: { posts: 17 } })).channel;
    expect(retention).toMatchObject({ posts: 17, bytes: 256 * 1024 * 1024 });
    await mesh.operator.request("channel.set", { channel, history: "joined" });
    expect((await bob.request("channel.get", { channel })).channel).toMatchObject({ history: "joined", topic: "ours" });
  });

  it("archive it: it can be read, and nothing else", async () => {
    const channel = await make(alice, "closed");
    await alice.post(channel);
    await alice.request("channel.set", { channel, archived: true });
    expect((await alice.post(channel)).error?.code).toBe("archived");
    expect(await outcomeOf(alice.request("channel.set", { channel, topic: "x" }))).toBe("archived");
    expect(await outcomeOf(alice.request("channel.invite", { channel, member: bob.identity.member }))).toBe("archived");
    expect((await alice.request("channel.read", { channel })).posts).toHaveLength(1);
    expect(await namesFor(alice)).not.toContain("closed");
    const { channels } = await alice.request("channel.list", { archived: true });
    expect(channels.map(({ name }) => name)).toContain("closed");
    expect(await outcomeOf(bob.request("channel.create", { name: "closed", kind: "public" }))).toBe("name_taken");
  });
});

describe("observers and guests", () => {
  it("read what they joined; neither makes a channel, and an observer posts nothing", async () => {
    const observer = await mesh.join("watcher", { roles: ["observer"] });
    const guest = await mesh.join("visitor", { roles: ["guest"] });
    const { channel } = (await alice.request("channel.join", { name: "general" })).channel;
    for (const device of [observer, guest]) {
      await device.request("channel.join", { channel });
      expect(await outcomeOf(device.request("channel.create", { name: "mine", kind: "public" }))).toBe("forbidden");
      await device.request("channel.follow", { channels: [{ channel, after: 0 }] });
    }
    const { id } = await guest.post(channel);
    expect((await observer.post(channel)).error?.code).toBe("forbidden");
    expect(await outcomeOf(observer.request("channel.typing", { channel, writes: true }))).toBe("forbidden");
    expect((await observer.nextBatch()).posts).toHaveLength(1);
    expect(id).toBeTypeOf("string");
  });
});

describe("the bounds of channels", () => {
  it("hold for members of one, channels of a member, and channels that it made", async () => {
    const dora = await mesh.join("dora");
    const ids = await Promise.all(["d1", "d2", "d3", "d4"].map((name) => make(dora, name)));
    expect(await outcomeOf(make(dora, "d5"))).toBe("limit_reached");
    await dora.request("channel.set", { channel: ids[0] ?? "", archived: true });
    await make(dora, "d5");
    expect(await outcomeOf(dora.request("channel.set", { channel: ids[0] ?? "", archived: false }))).toBe(
      "limit_reached",
    );
    const others = [await make(alice, "a-1")];
    await dora.request("channel.join", { channel: others[0] ?? "" });
    expect(await outcomeOf(dora.request("channel.join", { name: "agents" }))).toBe("limit_reached");
    await dora.request("channel.leave", { channel: others[0] ?? "" });
    await dora.request("channel.join", { name: "agents" });
    const crowded = ids[1] ?? "";
    await bob.request("channel.join", { channel: crowded });
    await carol.request("channel.join", { channel: crowded });
    expect(await outcomeOf(alice.request("channel.join", { channel: crowded }))).toBe("limit_reached");
  });

  it("hold for channels that a member made and archived, so that nobody uses up those of the mesh", async () => {
    const flora = await mesh.join("flora");
    for (let number = 1; number <= 8; number++) {
      const channel = await make(flora, `f${number}`);
      await flora.request("channel.set", { channel, archived: true });
      await flora.request("channel.leave", { channel });
    }
    expect(await outcomeOf(make(flora, "f9"))).toBe("limit_reached");
    expect(await outcomeOf(make(bob, "f9"))).toBe("done");
  });

  it("hold for pages of a list", async () => {
    const all = await namesFor(alice);
    const seen: string[] = [];
    for (let after: string | undefined, more = true; more;) {
      const page = await alice.request("channel.list", { limit: 2, ...(after === undefined ? {} : { after }) });
      expect(page.channels.length).toBeLessThanOrEqual(2);
      seen.push(...page.channels.map(({ name }) => name));
      after = page.next;
      more = after !== undefined;
    }
    expect(seen).toEqual(all);
  });
});

describe("a member that is revoked", () => {
  it("is in no channel any more", async () => {
    const eve = await mesh.join("eve");
    const { channel } = (await eve.request("channel.create", { name: "of-eve", kind: "public" })).channel;
    await bob.request("channel.join", { channel });
    const revocations = await mesh.operator.identity.revoke(mesh.mesh, 1, [eve.identity.member]);
    await mesh.operator.request("order.publish", { type: "revocations", statement: revocations });
    let event = await bob.nextPush("channel.event");
    while (event.what !== "removed") event = await bob.nextPush("channel.event");
    expect(event.member).toBe(eve.identity.member);
    const { members } = await bob.request("channel.members", { channel });
    expect(members.map(({ member }) => member)).toEqual([bob.identity.member]);
  });
});

describe("a list of blocked members", () => {
  it("has their frames and invitations refused in its owner's name, and goes away with its entries", async () => {
    const [from, to] = [await mesh.join("pest"), await mesh.join("hermit")];
    expect(await to.request("blocks.get", {})).toEqual({ blocked: [] });
    await to.request("blocks.set", { blocked: [from.identity.member] });
    expect(await to.request("blocks.get", {})).toEqual({ blocked: [from.identity.member] });
    for (const store of [true, false]) {
      from.sendFrame(to.identity, new Uint8Array([1]), { store });
      expect(await from.nextResult()).toMatchObject({ state: "refused", error: { code: "blocked" } });
    }
    const channel = await make(from, "of-pest");
    expect(await outcomeOf(from.request("channel.invite", { channel, member: to.identity.member }))).toBe("blocked");
    to.sendFrame(from.identity, new Uint8Array([1]), { store: true });
    expect((await to.nextResult()).state).toBe("stored");
    await to.request("blocks.set", { blocked: [] });
    from.sendFrame(to.identity, new Uint8Array([1]), { store: true });
    expect((await from.nextResult()).state).toBe("stored");
  });
});
