import { errorCodeOfClose, limits } from "@parley/protocol";
import { randomId16, TestIdentity } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { startRegistry } from "./registry-fixture.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

describe("an open session", () => {
  it("answers what it cannot read with a code, and closes on what is no message", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob");
    const closeAfter = async (data: string | Uint8Array<ArrayBuffer>): Promise<string | undefined> => {
      const device = await mesh.open(bob);
      device.socket.send(data);
      return errorCodeOfClose((await device.closed).code);
    };
    expect(await closeAfter("no json")).toBe("invalid_argument");
    expect(await closeAfter("{}")).toBe("invalid_argument");
    expect(await closeAfter('{"type":"ping","body":{}}')).toBe("invalid_argument");
    expect(await closeAfter("[".repeat(40))).toBe("too_large");
    expect(await closeAfter("x".repeat(limits.controlBytes + 1))).toBe("too_large");
    expect(await closeAfter(new Uint8Array([9, 9, 9]))).toBe("malformed_frame");
    expect(await closeAfter(new Uint8Array(300).fill(255))).toBe("unsupported_version");
    expect(await closeAfter(new Uint8Array(limits.routedFrameBytes + 1).fill(1))).toBe("too_large");
    const device = await mesh.open(bob);
    const ask = device.request.bind(device) as (type: string, body: unknown) => Promise<unknown>;
    await expect(ask("no.such", {})).rejects.toMatchObject({ code: "unsupported_operation" });
    await expect(ask("directory.get", {})).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(ask("directory.get", { name: "bob", extra: 1 })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(ask("directory.find", { limit: 101 })).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await device.request("ping", {})).toHaveProperty("time");
  });

  it("slows a device that asks too much, and no other", async () => {
    await using registry = await startRegistry({ bounds: { requestsPerSecond: 2 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const asked = await Promise.allSettled(Array.from({ length: 12 }, () => bob.request("ping", {})));
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    expect(asked.at(-1)).toMatchObject({ reason: { code: "rate_limited" } });
    expect(await mesh.operator.request("ping", {})).toHaveProperty("time");
  });

  it("gives out ICE servers with credentials of its own TURN service, and no others", async () => {
    await using bare = await startRegistry();
    const bareMesh = await bare.claim();
    expect(await bareMesh.operator.request("ice.get", {})).toMatchObject({ servers: [] });
    await using registry = await startRegistry({
      ice: {
        servers: [{ urls: ["stun:192.0.2.1"] }],
        turn: { urls: ["turn:192.0.2.1"], secret: "s3cret", lifeMs: 1000 },
      },
    });
    const mesh = await registry.claim();
    const { servers, expires } = await mesh.operator.request("ice.get", {});
    expect(servers[0]).toEqual({ urls: ["stun:192.0.2.1"] });
    expect(servers[1]?.username).toBe(`${Math.floor(expires / 1000)}:${mesh.operator.identity.member.slice(0, 8)}`);
    expect(JSON.stringify(servers)).not.toContain("s3cret");
  });

  it("renews its lease", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { lease } = await mesh.operator.request("lease.renew", {});
    expect(lease.split(".")).toHaveLength(3);
  });
});

describe("frames", () => {
  it("go to the device that they name, with the bytes unchanged", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    const sent = bob.sendFrame(carol.identity, bytes(7, 8, 9));
    expect((await carol.nextDelivery()).frame).toEqual(new Uint8Array(sent));
    expect(await bob.nextResult()).toMatchObject({ state: "relayed" });
  });

  it("are refused in another's name, for who is away, for strangers, and when they have expired", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    const dan = await mesh.admit("dan");
    const stranger = await TestIdentity.create("stranger");
    const refusal = async (
      to: TestIdentity,
      change: Parameters<typeof bob.sendFrame>[2],
    ): Promise<string | undefined> => {
      bob.sendFrame(to, bytes(1), change);
      const { state, error } = await bob.nextResult();
      expect(state).toBe("refused");
      return error?.code;
    };
    expect(await refusal(carol.identity, { fromMember: carol.identity.member })).toBe("forbidden");
    expect(await refusal(carol.identity, { fromDevice: carol.device })).toBe("forbidden");
    expect(await refusal(dan, {})).toBe("not_connected");
    expect(await refusal(stranger, {})).toBe("unknown_member");
    expect(await refusal(stranger, { store: true })).toBe("unknown_member");
    expect(await refusal(dan, { toDevice: carol.device })).toBe("not_connected");
    expect(await refusal(carol.identity, { expires: Date.now() - 1 })).toBe("expired");
  });

  it("hold up who sends them while the recipient catches up, and all arrive", async () => {
    await using registry = await startRegistry({ bounds: { congestedBytes: 64 * 1024 } });
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    const content = new Uint8Array(60 * 1024);
    for (let count = 0; count < 400; count++) bob.sendFrame(carol.identity, content);
    for (let count = 0; count < 400; count++) await carol.nextDelivery();
    expect(await bob.nextResult()).toMatchObject({ state: "relayed" });
  });
});

describe("presence", () => {
  it("is pushed to those who watch: who is away when they begin, then as devices come, change and go", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob");
    await mesh.operator.request("directory.watch", { members: [bob.member] });
    expect(await mesh.operator.nextPush("presence")).toEqual({ member: bob.member, devices: [] });
    const device = await mesh.open(bob);
    expect(await mesh.operator.nextPush("presence")).toMatchObject({
      member: bob.member,
      devices: [{ state: "connected", load: 0, consumer: "idle" }],
    });
    await device.request("presence.set", { load: 3, consumer: "reading", availability: "away" });
    expect(await mesh.operator.nextPush("presence")).toMatchObject({ devices: [{ load: 3, consumer: "reading" }] });
    expect(await mesh.operator.request("directory.get", { name: "bob" })).toMatchObject({ availability: "away" });
    await device.close();
    expect(await mesh.operator.nextPush("presence")).toEqual({ member: bob.member, devices: [] });
  });

  it("tells of members that were here before the watch began, and of changed statements", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    await mesh.operator.request("directory.watch", { members: [bob.identity.member] });
    expect(await mesh.operator.nextPush("presence")).toMatchObject({ devices: [{ device: bob.device }] });
    const card = await bob.identity.card(mesh.mesh, 1, [{ id: "search" }]);
    await bob.request("card.publish", { card });
    expect(await mesh.operator.nextPush("member.changed")).toMatchObject({
      member: bob.identity.member,
      record: { card },
    });
  });
});

describe("the directory", () => {
  it("finds live holders of a skill first, the least loaded of them before the others", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const names = ["ann", "ben", "cat"];
    const devices = await Promise.all(names.map((name) => mesh.join(name)));
    for (const [index, device] of devices.entries()) {
      await device.request("card.publish", {
        card: await device.identity.card(mesh.mesh, 1, [{ id: "search", tags: ["Docs"] }]),
      });
      await device.request("presence.set", { load: 3 - index });
    }
    await devices[2]?.close();
    const found = async (
      query: Parameters<typeof mesh.operator.request<"directory.find">>[1],
    ): Promise<(string | undefined)[]> => {
      const { members } = await mesh.operator.request("directory.find", query);
      return members.map(
        ({ record }) => devices.find(({ identity }) => identity.root.publicKey === record.root)?.identity.name,
      );
    };
    await expect.poll(() => found({ skill: "search" })).toEqual(["ben", "ann", "cat"]);
    expect(await found({ skill: "search", live: true })).toEqual(["ben", "ann"]);
    expect(await found({ tag: "docs" })).toEqual(["ben", "ann", "cat"]);
    expect(await found({ text: "WHAT C" })).toEqual(["cat"]);
    expect(await found({ skill: "other" })).toEqual([]);
    expect(await found({ kind: "person" })).toEqual([undefined]);
    const first = await mesh.operator.request("directory.find", { skill: "search", limit: 2 });
    const rest = await mesh.operator.request("directory.find", { skill: "search", limit: 2, after: first.next });
    expect([first.members.length, rest.members.length, rest.next]).toEqual([2, 1, undefined]);
    await expect(mesh.operator.request("directory.find", { after: "x" })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("takes a member's own newer card and device list, and no others", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    const card = (number: number, skill: string): Promise<string> =>
      bob.identity.card(mesh.mesh, number, [{ id: skill }]);
    const second = await card(2, "b");
    await bob.request("card.publish", { card: second });
    await bob.request("card.publish", { card: second });
    await expect(bob.request("card.publish", { card: await card(2, "c") })).rejects.toMatchObject({
      code: "stale_statement",
    });
    await expect(bob.request("card.publish", { card: await card(1, "a") })).rejects.toMatchObject({
      code: "stale_statement",
    });
    await expect(carol.request("card.publish", { card: await card(3, "c") })).rejects.toMatchObject({
      code: "bad_signature",
    });
    await bob.request("devices.publish", { devices: await bob.identity.deviceList(mesh.mesh, { number: 2 }) });
    await expect(
      bob.request("devices.publish", { devices: await bob.identity.deviceList(mesh.mesh, { number: 1, iat: 5 }) }),
    ).rejects.toMatchObject({ code: "stale_statement" });
    expect(await carol.request("directory.get", { name: "bob" })).toMatchObject({ record: { card: second } });
    await expect(
      carol.request("directory.get", { member: randomId16() + randomId16().slice(1) }),
    ).rejects.toMatchObject({ code: "unknown_member" });
  });
});

describe("an admission", () => {
  it("ends a session when it runs out", async () => {
    await using registry = await startRegistry({ bounds: { pingMs: 60, staleMs: 60_000 } });
    const mesh = await registry.claim();
    const bob = await TestIdentity.create("bob");
    const { pairing } = await mesh.pair(bob, await mesh.invite());
    const admission = await mesh.operator.identity.admit(mesh.mesh, bob.member, { name: "bob", exp: Date.now() + 500 });
    await mesh.operator.request("pairing.approve", { pairing, admission });
    const device = await mesh.open(bob);
    expect(errorCodeOfClose((await device.closed).code)).toBe("expired");
    await expect(mesh.open(bob)).rejects.toMatchObject({ code: "expired" });
  });

  it("covers a device only while it is on its member's list", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob", { devices: 2 });
    const [first, second] = [await mesh.open(bob, { device: 0 }), await mesh.open(bob, { device: 1 })];
    const { id, publicKey } = bob.device(0);
    const devices = await bob.deviceList(mesh.mesh, {
      number: 2,
      devices: [{ device: id, key: publicKey, label: "left", since: 0 }],
    });
    await first.request("devices.publish", { devices });
    expect(errorCodeOfClose((await second.closed).code)).toBe("device_removed");
    expect(await first.request("ping", {})).toHaveProperty("time");
  });
});

describe("a stop", () => {
  it("says goodbye, closes with the code for coming back, and refuses who comes meanwhile", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const stopped = registry.registry.stop();
    expect(await mesh.operator.nextPush("goodbye")).toMatchObject({ error: { code: "draining" } });
    expect(errorCodeOfClose((await mesh.operator.closed).code)).toBe("draining");
    await stopped;
    await expect(mesh.open(mesh.operator.identity)).rejects.toThrow("refused");
  });
});
