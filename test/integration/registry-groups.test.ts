import { limits } from "@parley/protocol";
import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { outcomeOf, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

/** What stands for MLS here: the registry does not read it. */
const bytes = (text: string): string => Buffer.from(text).toString("base64url");

let registry: RunningRegistry;
let mesh: WireMesh;
let alice: TestDevice;
let bob: TestDevice;
let channel: string;
let count = 0;

beforeAll(async () => {
  registry = await startRegistry({ bounds: { groupCommits: 5, channelsCreated: 50 } });
  mesh = await registry.claim();
  alice = await mesh.join("alice");
});

afterAll(() => registry[Symbol.asyncDispose]());

beforeEach(async () => {
  bob = await mesh.join(`bob-${++count}`);
  ({ channel } = (await alice.request("channel.create", { name: `secret-${count}`, kind: "invite" })).channel);
  await alice.request("group.commit", { channel, info: bytes("info 0"), devices: [alice.device] });
});

async function letIn(device: TestDevice): Promise<void> {
  const { member } = device.identity;
  await alice.request("channel.invite", {
    channel,
    member,
    invitation: await alice.makeInvitation(channel, member),
  });
  await device.request("channel.join", { channel });
}

const commit = (
  device: TestDevice,
  epoch: number,
  devices: readonly TestDevice[],
  text = `${device.device} ${epoch}`,
) =>
  device.request("group.commit", {
    channel,
    epoch,
    commit: bytes(text),
    info: bytes(`info ${epoch + 1}`),
    devices: devices.map((each) => each.device),
  });

const sealed = (epoch: number) => ({ encrypted: { epoch, message: "AAAA" } });

describe("the group of an encrypted channel", () => {
  it("is made once, by somebody who is in the channel", async () => {
    expect(await alice.request("group.info", { channel })).toEqual({ epoch: 0, info: bytes("info 0") });
    const make = { channel, info: bytes("x"), devices: [alice.device] };
    expect(await outcomeOf(alice.request("group.commit", make))).toBe("group_changed");
    expect(await outcomeOf(bob.request("group.commit", make))).toBe("unknown_channel");
    const { channel: open } = (await alice.request("channel.join", { name: "general" })).channel;
    expect(await outcomeOf(alice.request("group.info", { channel: open }))).toBe("invalid_argument");
  });

  it("is joined from outside, and tells everybody in the channel of its new epoch", async () => {
    await letIn(bob);
    expect(await commit(bob, 0, [alice, bob])).toEqual({ epoch: 1 });
    const mine = async (device: TestDevice): Promise<number> => {
      for (;;) {
        const push = await device.nextPush("group.changed");
        if (push.channel === channel && push.epoch > 0) return push.epoch;
      }
    };
    expect(await Promise.all([mine(alice), mine(bob)])).toEqual([1, 1]);
    expect(await alice.request("group.commits", { channel, from: 0 })).toEqual({
      epoch: 1,
      first: 0,
      commits: [{ epoch: 0, by: bob.device, commit: bytes(`${bob.device} 0`) }],
      complete: true,
      remove: [],
    });
  });

  it("goes from one epoch to the next by one commit of many", async () => {
    await letIn(bob);
    await commit(bob, 0, [alice, bob]);
    const outcomes = await Promise.all([
      outcomeOf(commit(alice, 1, [alice, bob])),
      outcomeOf(commit(bob, 1, [alice, bob])),
    ]);
    expect(outcomes.toSorted()).toEqual(["done", "group_changed"]);
    expect(await alice.request("group.info", { channel })).toEqual({ epoch: 2, info: bytes("info 2") });
    // The same once more, because its answer was lost.
    const { commits } = await alice.request("group.commits", { channel, from: 1 });
    const by = commits[0]?.by === alice.device ? alice : bob;
    expect(await commit(by, 1, [alice, bob])).toEqual({ epoch: 2 });
  });

  it("takes posts of its present epoch only", async () => {
    expect((await alice.post(channel, sealed(0))).error).toBeUndefined();
    expect((await alice.post(channel, sealed(1))).error?.code).toBe("group_changed");
    expect((await alice.post(channel)).error?.code).toBe("invalid_argument");
    await letIn(bob);
    await commit(bob, 0, [alice, bob]);
    expect((await alice.post(channel, sealed(0))).error?.code).toBe("group_changed");
    expect((await bob.post(channel, sealed(1))).error).toBeUndefined();
  });

  it("takes nothing until who was taken out of the channel is out of it", async () => {
    const carol = await mesh.join(`carol-${count}`);
    await letIn(bob);
    await letIn(carol);
    await commit(bob, 0, [alice, bob]);
    await bob.request("channel.follow", { channels: [{ channel, after: 0 }] });
    await alice.request("channel.kick", { channel, member: bob.identity.member });
    expect((await alice.post(channel, sealed(1))).error?.code).toBe("group_changed");
    expect((await bob.post(channel, sealed(1))).error?.code).toBe("unknown_channel");
    expect((await alice.request("group.commits", { channel, from: 1 })).remove).toEqual([bob.device]);
    expect(await outcomeOf(commit(carol, 1, [alice, carol]))).toBe("group_changed");
    expect(await outcomeOf(commit(alice, 1, [alice, bob]))).toBe("group_changed");
    expect(await outcomeOf(bob.request("group.commits", { channel, from: 0 }))).toBe("unknown_channel");
    expect(await commit(alice, 1, [alice])).toEqual({ epoch: 2 });
    expect((await alice.post(channel, sealed(2))).error).toBeUndefined();
    expect(await commit(carol, 2, [alice, carol])).toEqual({ epoch: 3 });
    await bob.request("ping", {});
    expect(bob.waitingBatches).toBe(0);
  });

  it("takes nothing until a device that its member took off the list is out of it", async () => {
    const two = await mesh.admit(`two-${count}`, { devices: 2 });
    const [first, second] = [await mesh.open(two), await mesh.open(two, { device: 1 })];
    await letIn(first);
    await commit(first, 0, [alice, first]);
    await commit(second, 1, [alice, first, second]);
    await first.request("devices.publish", {
      devices: await two.deviceList(mesh.mesh, {
        number: 2,
        devices: two.devices.slice(0, 1).map(({ id, publicKey }) => ({
          device: id,
          key: publicKey,
          label: "test",
          since: 0,
        })),
      }),
    });
    await second.closed;
    expect((await alice.request("group.commits", { channel, from: 2 })).remove).toEqual([second.device]);
    expect((await alice.post(channel, sealed(2))).error?.code).toBe("group_changed");
    await commit(alice, 2, [alice, first]);
    expect((await alice.post(channel, sealed(3))).error).toBeUndefined();
  });

  it("takes nothing until a revoked member is out of it", async () => {
    await letIn(bob);
    await commit(bob, 0, [alice, bob]);
    const revocations = await mesh.operator.identity.revoke(mesh.mesh, 1, [bob.identity.member]);
    await mesh.operator.request("order.publish", { type: "revocations", statement: revocations });
    await bob.closed;
    expect((await alice.post(channel, sealed(1))).error?.code).toBe("group_changed");
    await commit(alice, 1, [alice]);
    expect((await alice.post(channel, sealed(2))).error).toBeUndefined();
  });

  it("is made anew when nobody is left in it", async () => {
    await letIn(bob);
    await alice.request("channel.leave", { channel });
    expect((await bob.request("group.commits", { channel, from: 0 })).remove).toEqual([alice.device]);
    expect(await outcomeOf(commit(bob, 0, [bob]))).toBe("group_changed");
    await bob.request("group.commit", { channel, info: bytes("new"), devices: [bob.device] });
    expect((await bob.post(channel, sealed(0))).error).toBeUndefined();
    expect(await bob.request("group.commits", { channel, from: 0 })).toMatchObject({
      epoch: 0,
      commits: [],
      remove: [],
    });
  });

  it("keeps its newest commits, and says from which on", async () => {
    for (let epoch = 0; epoch < 12; epoch++) await commit(alice, epoch, [alice]);
    const page = await alice.request("group.commits", { channel, from: 2 });
    expect(page.commits.map(({ epoch }) => epoch)).toEqual([7, 8, 9, 10, 11]);
    expect(page).toMatchObject({ epoch: 12, first: 7, complete: true });
    const rest = await alice.request("group.commits", { channel, from: 10 });
    expect(rest.commits.map(({ epoch }) => epoch)).toEqual([10, 11]);
    expect((await alice.request("group.commits", { channel, from: 12 })).commits).toEqual([]);
  });

  it("counts what speaks for newcomers into a page, which is one control message", async () => {
    const invitation = `${"A".repeat(8000)}.B.C`;
    const [large, info] = ["x".repeat(16 * 1024), bytes("info")];
    for (let epoch = 0; epoch < 5; epoch++)
      await alice.request("group.commit", {
        channel,
        epoch,
        commit: bytes(`${epoch} ${large}`),
        invitation,
        info,
        devices: [alice.device],
      });
    for (const from of [0, 3]) {
      const page = await alice.request("group.commits", { channel, from });
      expect(page.commits.map(({ epoch }) => epoch)).toEqual(from === 0 ? [0, 1, 2] : [3, 4]);
      expect(JSON.stringify(page).length).toBeLessThan(limits.controlBytes - 1024);
    }
  });

  it("gives large commits page by page", async () => {
    const large = "x".repeat(40 * 1024);
    for (let epoch = 0; epoch < 5; epoch++) await commit(alice, epoch, [alice], `${epoch} ${large}`);
    const epochs: number[] = [];
    for (let from = 0, complete = false; !complete;) {
      const page = await alice.request("group.commits", { channel, from });
      epochs.push(...page.commits.map(({ epoch }) => epoch));
      from = (page.commits.at(-1)?.epoch ?? from) + 1;
      complete = page.complete;
    }
    expect(epochs).toEqual([0, 1, 2, 3, 4]);
    const all = { channel, epoch: 5, commit: "A".repeat(60 * 1024), devices: [alice.device] };
    expect(await outcomeOf(alice.request("group.commit", { ...all, info: "A".repeat(52 * 1024 + 1) }))).toBe(
      "too_large",
    );
    expect(await outcomeOf(alice.request("group.commit", { ...all, info: "A".repeat(52 * 1024) }))).toBe("done");
    expect((await alice.request("group.info", { channel })).info).toHaveLength(52 * 1024);
  });
});
