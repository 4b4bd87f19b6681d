import { describe, expect, it } from "vitest";

import { type Joined, MeshScope } from "./device-fixture.ts";

async function inGeneral(scope: MeshScope, name: string): Promise<Joined> {
  const joined = await scope.join(name);
  await joined.device.conversations.joinChannel("#general");
  return joined;
}

async function channelOf({ device }: Pick<Joined, "device">): Promise<string> {
  return (await device.request("channel.get", { name: "general" })).channel.channel;
}

describe("a member that is muted in a channel", () => {
  it("reads and does not write there until that is lifted, also when it leaves and comes back", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await inGeneral(scope, "alice"), await inGeneral(scope, "bob")];
    const { device: operator } = scope.mesh.operator;
    const channel = await channelOf(alice);
    const restricted = { channel, member: bob.device.member, kind: "muted" as const };
    await operator.request("channel.restrict", { ...restricted, forMs: 3_600_000, reason: "too loud" });
    expect(await alice.events.first("channel", ({ what }) => what === "muted")).toMatchObject({
      member: bob.device.member,
      by: operator.member,
    });
    const refused = await bob.device.conversations.say("#general", { text: "hello" });
    expect(await refused.settled).toMatchObject({
      state: "refused",
      error: { code: "muted_in_channel", message: expect.stringContaining("too loud") as string },
    });
    await bob.device.conversations.leaveChannel("#general");
    await bob.device.conversations.joinChannel("#general");
    const again = await bob.device.conversations.say("#general", { text: "back" });
    expect(await again.settled).toMatchObject({ state: "refused" });
    const { members } = await alice.device.request("channel.members", { channel });
    expect(members.find(({ member }) => member === bob.device.member)).toMatchObject({
      muted: { reason: "too loud", until: expect.any(Number) as number },
    });
    await operator.request("channel.lift", restricted);
    const later = await bob.device.conversations.say("#general", { text: "better" });
    await later.reaches("stored");
  });

  it("may write again when the time is over", async () => {
    await using scope = await MeshScope.start();
    const bob = await inGeneral(scope, "bob");
    const channel = await channelOf(bob);
    const { device: operator } = scope.mesh.operator;
    await operator.request("channel.restrict", { channel, member: bob.device.member, kind: "muted", forMs: 1000 });
    const end = Date.now() + 1000;
    const refused = await bob.device.conversations.say("#general", { text: "hello" });
    expect(await refused.settled).toMatchObject({ state: "refused" });
    for (let state = "refused"; state === "refused";) {
      const said = await bob.device.conversations.say("#general", { text: "again" });
      ({ state } = await said.settled);
    }
    expect(Date.now()).toBeGreaterThanOrEqual(end - 100);
  });
});

describe("a member that is banned from a channel", () => {
  it("is taken out, cannot come in, and not be invited, until that is lifted", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await inGeneral(scope, "alice"), await inGeneral(scope, "bob")];
    const { device: operator } = scope.mesh.operator;
    const channel = await channelOf(alice);
    const restricted = { channel, member: bob.device.member, kind: "banned" as const };
    await operator.request("channel.restrict", restricted);
    await bob.events.first("channel", ({ what }) => what === "kicked");
    await bob.events.first("channel", ({ what }) => what === "banned");
    await expect(bob.device.conversations.joinChannel("#general")).rejects.toMatchObject({
      code: "banned_from_channel",
    });
    await expect(alice.device.request("channel.invite", { channel, member: bob.device.member })).rejects.toMatchObject({
      code: "banned_from_channel",
    });
    await operator.request("channel.lift", restricted);
    await bob.device.conversations.joinChannel("#general");
  });

  it("is that by the channel's owner or an operator only", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob, carol] = [
      await inGeneral(scope, "alice"),
      await inGeneral(scope, "bob"),
      await scope.join("carol"),
    ];
    await carol.device.conversations.createChannel({ name: "plans", kind: "public" });
    await bob.device.conversations.joinChannel("#plans");
    const { channel: plans } = (await carol.device.request("channel.get", { name: "plans" })).channel;
    const member = bob.device.member;
    await carol.device.request("channel.restrict", { channel: plans, member, kind: "muted" });
    const general = await channelOf(alice);
    for (const [device, channel] of [
      [alice.device, general],
      [carol.device, general],
      [bob.device, plans],
    ] as const)
      await expect(
        device.request("channel.restrict", { channel, member: alice.device.member, kind: "banned" }),
      ).rejects.toMatchObject({ code: "forbidden" });
    await expect(bob.device.request("channel.lift", { channel: plans, member, kind: "muted" })).rejects.toMatchObject({
      code: "forbidden",
    });
  });
});
