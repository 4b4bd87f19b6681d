import { randomBytes } from "node:crypto";

import { encodePost, encodePostBatch, errorTable, limits } from "@parley/protocol";
import { randomId16, type TestDevice, type WireMesh } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { payloadOf, postMany, readBackward, readForward, takePosts } from "./channel-scene.ts";
import { openRawDevice } from "./raw-device.ts";
import { startRegistry } from "./registry-fixture.ts";

const busy = { postsPerSecond: 100_000, postsBurst: 100_000, postsPending: 10_000 };

async function inChannel(mesh: WireMesh, devices: readonly TestDevice[], name = "general"): Promise<string> {
  const ids = await Promise.all(devices.map((device) => device.request("channel.join", { name })));
  return ids[0]?.channel.channel ?? "";
}

const follow = (device: TestDevice, channel: string, after = 0) =>
  device.request("channel.follow", { channels: [{ channel, after }] });

describe("posts of a channel", () => {
  it("reach everybody in the same order, from several authors at once, and read back the same both ways", async () => {
    await using registry = await startRegistry({ bounds: busy });
    const mesh = await registry.claim();
    const devices = await Promise.all(["ann", "ben", "cas", "dee"].map((name) => mesh.join(name)));
    const channel = await inChannel(mesh, devices);
    await Promise.all(devices.map((device) => follow(device, channel)));
    const own = await Promise.all(devices.map((device) => postMany(device, channel, 50)));
    const all = await Promise.all(devices.map((device) => takePosts(device, 200, 0)));
    const [first] = all;
    for (const { ids, chained } of all) expect({ ids, chained }).toEqual({ ids: first?.ids, chained: true });
    for (const ids of own) expect(first?.ids.filter((id) => ids.includes(id))).toEqual(ids);
    const [ann] = devices;
    if (ann === undefined) throw new Error("nobody is there");
    expect(await readForward(ann, channel)).toEqual(first?.ids);
    expect(await readBackward(ann, channel)).toEqual(first?.ids);
  });

  it("are told of with the time that readers see", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const ann = await mesh.join("ann");
    const channel = await inChannel(mesh, [ann]);
    await follow(ann, channel);
    const { offset, at } = await ann.post(channel);
    const { posts } = await ann.nextBatch();
    expect(posts.map((post) => ({ offset: post.offset, at: post.at }))).toEqual([{ offset, at }]);
  });

  it("begin where a newcomer joined, if the channel says so", async () => {
    await using registry = await startRegistry({ bounds: busy });
    const mesh = await registry.claim();
    const [ann, ben] = [await mesh.join("ann"), await mesh.join("ben")];
    const { channel } = (await ann.request("channel.create", { name: "later", kind: "public", history: "joined" }))
      .channel;
    const before = await postMany(ann, channel, 5);
    const { bounds } = await ben.request("channel.join", { channel });
    const after = await postMany(ann, channel, 5);
    expect(await readBackward(ben, channel)).toEqual(after);
    expect(await readForward(ben, channel)).toEqual(after);
    expect(await readForward(ann, channel)).toEqual([...before, ...after]);
    const reply = await follow(ben, channel);
    expect(reply.channels[0]).toMatchObject({ after: bounds.first - 1, bounds: { first: bounds.first } });
    expect(await takePosts(ben, 5, bounds.first - 1)).toMatchObject({ ids: after, chained: true });
  });

  it("begin again for whom they are followed once more, and stop at once for who is taken out", async () => {
    await using registry = await startRegistry({ bounds: busy });
    const mesh = await registry.claim();
    const [ann, ben] = [await mesh.join("ann"), await mesh.join("ben")];
    const { channel } = (await ann.request("channel.create", { name: "again", kind: "public" })).channel;
    await ben.request("channel.join", { channel });
    const ids = await postMany(ann, channel, 20);
    for (let time = 0; time < 3; time++) {
      await follow(ben, channel);
      expect(await takePosts(ben, 20, 0)).toMatchObject({ ids, chained: true });
    }
    await ann.request("channel.kick", { channel, member: ben.identity.member });
    await postMany(ann, channel, 20);
    await ben.request("ping", {});
    expect(ben.waitingBatches).toBe(0);
    expect((await follow(ben, channel)).channels[0]?.error?.code).toBe("not_in_channel");
    await ben.request("channel.join", { channel });
    await follow(ben, channel);
    await takePosts(ben, 40, 0);
    await ben.request("channel.unfollow", { channels: [channel] });
    await ann.post(channel);
    await ben.request("ping", {});
    expect(ben.waitingBatches).toBe(0);
  });

  it("of another epoch begin anew, and an offset above the last is the last", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const ann = await mesh.join("ann");
    const channel = await inChannel(mesh, [ann]);
    const { offset = 0 } = await ann.post(channel);
    const other = await ann.request("channel.follow", { channels: [{ channel, epoch: "other", after: offset }] });
    expect(other.channels[0]?.after).toBe(0);
    expect((await takePosts(ann, 1, 0)).chained).toBe(true);
    const above = await ann.request("channel.follow", { channels: [{ channel, after: offset + 1000 }] });
    expect(above.channels[0]?.after).toBe(offset);
    await ann.post(channel);
    expect((await takePosts(ann, 1, offset)).chained).toBe(true);
  });

  it("that were dropped leave a gap that shows: in the bounds, in a batch, and in a page", async () => {
    await using registry = await startRegistry({ bounds: { ...busy, trimEveryPosts: 10 } });
    const mesh = await registry.claim();
    const ann = await mesh.join("ann");
    const { channel } = (
      await ann.request("channel.create", { name: "short", kind: "public", retention: { posts: 10 } })
    ).channel;
    const early = await ann.post(channel);
    for (let round = 0; round < 5; round++) await postMany(ann, channel, 10);
    const kept = (): Promise<string[]> => readForward(ann, channel, 100);
    // Dropping goes on in the background.
    while ((await kept()).length > 15) await ann.post(channel);
    const after = early.offset ?? 0;
    const reply = await follow(ann, channel, after);
    const first = reply.channels[0]?.bounds?.first ?? 0;
    expect(first).toBeGreaterThan(after + 1);
    expect((await ann.nextBatch()).previous).toBeGreaterThan(after);
    const page = await ann.request("channel.read", { channel, from: after + 1 });
    expect(page).toMatchObject({ complete: false, bounds: { first } });
    expect((await ann.request("channel.read", { channel, from: first })).complete).toBe(true);
  });
});

describe("an author", () => {
  it("is slowed down beyond its rate, keeps its order, and is refused when too many wait", async () => {
    await using registry = await startRegistry({ bounds: { postsPerSecond: 50, postsBurst: 10, postsPending: 30 } });
    const mesh = await registry.claim();
    const ann = await mesh.join("ann");
    const channel = await inChannel(mesh, [ann]);
    await follow(ann, channel);
    const statements = await Promise.all(Array.from({ length: 60 }, () => ann.makePost(channel)));
    const sent = statements.map((statement) => payloadOf(statement).id);
    const began = performance.now();
    ann.sendPosts(statements);
    const codes = new Map<string, string>();
    for (let count = 0; count < 60; count++) {
      const { id, error } = await ann.nextPostResult();
      codes.set(id, error?.code ?? "stored");
    }
    const stored = sent.filter((id) => codes.get(id) === "stored");
    expect(new Set(codes.values())).toEqual(new Set(["stored", "rate_limited"]));
    expect(stored.length).toBeGreaterThanOrEqual(30);
    expect((await takePosts(ann, stored.length, 0)).ids).toEqual(stored);
    // Those beyond the burst came at the rate.
    expect(performance.now() - began).toBeGreaterThan(((stored.length - 11) / 50) * 1000 * 0.9);
    expect((await ann.post(channel)).error).toBeUndefined();
  });

  it("that floods holds up nobody else", async () => {
    await using registry = await startRegistry({ bounds: { postsPerSecond: 20, postsBurst: 20, postsPending: 64 } });
    const mesh = await registry.claim();
    const [ann, ben] = [await mesh.join("ann"), await mesh.join("ben")];
    const channel = await inChannel(mesh, [ann, ben]);
    ann.sendPosts(await Promise.all(Array.from({ length: 500 }, () => ann.makePost(channel))));
    const { error } = await ben.post(channel);
    expect(error).toBeUndefined();
    for (let refused = 0; refused < 400;) if ((await ann.nextPostResult()).error?.code === "rate_limited") refused++;
    expect(await ann.request("ping", {})).toHaveProperty("time");
  });

  it("is told of a post that is not of its form, and closed for bytes that name none", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const ann = await mesh.join("ann");
    const channel = await inChannel(mesh, [ann]);
    const [head = "", , signature = ""] = (await ann.makePost(channel)).split(".");
    const text = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const id = randomId16();
    for (const payload of [
      { channel, id },
      { channel, id, mesh: mesh.mesh, extra: 1 },
    ]) {
      ann.socket.send(encodePost([head, text(payload), signature].join(".")));
      expect(await ann.nextPostResult()).toMatchObject({ channel, id, error: { code: "invalid_argument" } });
    }
    // What pages could not carry: another signature than base64url, none, and parts too many.
    const good = text({ ...payloadOf(await ann.makePost(channel)), id });
    for (const spelling of [
      `${head}.${good}.@@@@`,
      `${head}.${good}.`,
      `${head}.${good}.a.b.c`,
      ` ${head}.${good}.AA`,
    ]) {
      ann.socket.send(encodePost(spelling));
      expect(await ann.nextPostResult()).toMatchObject({ channel, id, error: { code: "invalid_argument" } });
    }
    expect((await ann.request("channel.read", { channel })).posts).toEqual([]);
    const large = { channel, id, content: { type: "text", text: "x".repeat(limits.statementBytes) } };
    ann.socket.send(encodePost([head, text(large), signature].join(".")));
    expect(await ann.nextPostResult()).toMatchObject({ id, error: { code: "too_large" } });
    for (const bytes of [new Uint8Array([2]), new Uint8Array([2, ...randomBytes(200)]), encodePost("a.b.c")]) {
      const other = await mesh.open(ann.identity);
      other.socket.send(bytes);
      const { code } = await other.closed;
      expect([errorTable.malformed_frame.close, errorTable.invalid_argument.close]).toContain(code);
    }
  });

  it.each([
    [-1, undefined],
    [0, undefined],
    [1, "too_large"],
  ])("may post %i bytes beside the most that a statement has: %s", async (more, code) => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const ann = await mesh.join("ann");
    const channel = await inChannel(mesh, [ann]);
    await follow(ann, channel);
    const bare = await ann.makePost(channel, { content: { type: "text", text: "x" } });
    let length = Math.floor(((limits.statementBytes - bare.length) * 3) / 4) - 2;
    const make = (): Promise<string> =>
      ann.makePost(channel, { content: { type: "text", text: "x".repeat(length) } }).catch(() => "");
    let statement = await make();
    for (; statement !== "" && statement.length < limits.statementBytes; statement = await make()) length++;
    const most = statement === "" ? (length--, await make()) : statement;
    // Base64url comes in steps: what is missing to the byte stands in for it.
    const bytes = encodePost(most.padEnd(limits.statementBytes + more, "A"));
    ann.socket.send(more > 0 ? bytes : encodePost(most));
    expect((await ann.nextPostResult()).error?.code).toBe(code);
    const { posts } = await ann.request("channel.read", { channel });
    expect(posts.map((post) => post.statement.length)).toEqual(code === undefined ? [most.length] : []);
  });
});

describe("a follower that does not read", () => {
  it("is left behind and catches up, while the others get everything at once", async () => {
    const bounds = { ...busy, feedAheadBytes: 64 * 1024, sessionBufferBytes: 4_194_304 };
    await using registry = await startRegistry({ bounds });
    const mesh = await registry.claim();
    const [ann, ben] = [await mesh.join("ann"), await mesh.join("ben")];
    const slow = await mesh.admit("slow");
    const socket = await openRawDevice(mesh, slow);
    const channel = await inChannel(mesh, [ann, ben]);
    socket.sendText(JSON.stringify({ id: 1, type: "channel.join", body: { channel } }));
    socket.sendText(JSON.stringify({ id: 2, type: "channel.follow", body: { channels: [{ channel, after: 0 }] } }));
    await follow(ben, channel);
    await ben.request("ping", {});
    socket.stopReading();
    const text = "x".repeat(20_000);
    const ids: string[] = [];
    for (let round = 0; round < 20; round++) ids.push(...(await postMany(ann, channel, 50, text)));
    expect((await takePosts(ben, 1000, 0)).ids).toEqual(ids);
    const closed = registry.lines.filter(({ event }) => event === "session.closed");
    expect(closed).toEqual([]);
    socket.goOnReading();
    const again = await mesh.open(slow);
    await follow(again, channel);
    expect(await takePosts(again, 1000, 0)).toMatchObject({ ids, chained: true });
    socket.destroy();
  });
});

describe("a batch", () => {
  it("is the same bytes for everybody who stands at the same place", async () => {
    await using registry = await startRegistry({ bounds: busy });
    const mesh = await registry.claim();
    const devices = await Promise.all(["ann", "ben", "cas"].map((name) => mesh.join(name)));
    const channel = await inChannel(mesh, devices);
    await Promise.all(devices.map((device) => follow(device, channel)));
    const [ann] = devices;
    await ann?.post(channel);
    const batches = await Promise.all(devices.map((device) => device.nextBatch()));
    const [first, ...others] = batches.map((batch) => Buffer.from(encodePostBatch(batch)).toString("hex"));
    for (const other of others) expect(other).toBe(first);
  });
});
