import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { type DeviceEvent, type IncomingMessage, MemorySink, type TransferProgress } from "@parley/client";
import { FileSink } from "@parley/client/node";
import { expect, it, onTestFinished } from "vitest";

import { attachDevice, DeviceSocket, lineBytes, mostConnections, mostRequests } from "../src/index.ts";
import { bob, FakeDevice, link, remembered, messageOf, refOf } from "./fake-device.ts";
import { openSocket, until } from "./open-socket.ts";
import { helloTo, RawCaller } from "./raw-caller.ts";

it("attaches a device that answers as the held one does", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  expect([attached.name, attached.member, attached.state]).toEqual(["ada", device.member, "connected"]);
  expect(attached.links()).toEqual([link]);
  expect(await attached.memberOf("bob")).toEqual(bob);
  expect(await attached.find({ skill: "search", live: true })).toEqual({
    members: [bob],
    refused: [],
    next: undefined,
  });
  expect(device.asked).toEqual([{ skill: "search", live: true }]);
  expect(await attached.ping("bob", { timeoutMs: 10 })).toMatchObject({ path: "direct", rttMs: 1.5 });
  expect(await attached.connect("bob")).toEqual(link);
  const query = { states: ["dead-lettered" as const], limit: 10 };
  expect(await attached.deliveries(query)).toEqual({ records: [remembered], next: 7 });
  expect(await attached.redeliver("in.1")).toBe("in.1");
  await expect(attached.redeliver("in.2")).rejects.toMatchObject({ code: "not_found" });
  expect(await attached.purgeDeliveries({ direction: "in", before: 9 })).toBe(3);
  await attached.markRead(["in.1"]);
  expect(device.asked.slice(-3)).toEqual([
    ["deliveries", query],
    ["purge", { direction: "in", before: 9 }],
    ["read", ["in.1"]],
  ]);
  expect(await attached.request("ping", {})).toEqual({ time: 42 });
  expect(await attached.metrics()).toEqual(await device.metrics());
  await attached.stop();
});

it("passes errors on with their code, words and facts", async () => {
  const { path } = await openSocket();
  const attached = await attachDevice(path);
  await expect(attached.memberOf("nobody")).rejects.toMatchObject({
    code: "unknown_member",
    message: "Nobody is called nobody.",
    data: { who: "nobody" },
  });
});

it("carries a message's facts until it is delivered", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const sent = await attached.send("@bob", "hello", { ttlMs: 500 });
  expect(sent.accepted.state).toBe("accepted");
  device.stored();
  await until(() => sent.state().state === "stored");
  device.delivered();
  expect(await sent.settled).toMatchObject({ state: "delivered", path: "relay", device: device.device });
});

it("transfers files by their paths, and streams how far they are", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const file = join(dirname(path), "a.txt");
  writeFileSync(file, "four");
  const seen: TransferProgress[] = [];
  const onProgress = (progress: TransferProgress): void => void seen.push(progress);
  const source = { path: file, size: 4, read: async () => new Uint8Array() };
  const ref = await attached.attach(source, { name: "a.txt", ttlMs: 1000, onProgress });
  expect(ref).toEqual(refOf("a.txt"));
  await attached.fetchAttachment(ref, new FileSink("/nowhere/b.txt"), { onProgress });
  expect(device.asked).toEqual([
    [file, { name: "a.txt", ttlMs: 1000 }],
    [ref, "/nowhere/b.txt"],
  ]);
  expect(seen.map(({ done }) => done)).toEqual([4, 4]);
  expect(await attached.attachmentsOf("in.1")).toEqual([ref]);
  device.settled.resolve({ ...(await attached.send("@bob", "see", { attachments: [ref] })).accepted });
  expect(device.asked.at(-1)).toMatchObject(["@bob", "see", { attachments: [ref] }]);
});

it("takes no content but files, and no path that depends on a folder", async () => {
  const { path } = await openSocket();
  const attached = await attachDevice(path);
  await expect(attached.attach({ size: 1, read: async () => new Uint8Array(1) }, { name: "x" })).rejects.toMatchObject({
    code: "unsupported_operation",
  });
  await expect(attached.fetchAttachment(refOf("x"), new MemorySink())).rejects.toMatchObject({
    code: "unsupported_operation",
  });
  const source = { path: "a.txt", size: 1, read: async () => new Uint8Array(1) };
  await expect(attached.attach(source, { name: "x" })).rejects.toMatchObject({ code: "invalid_argument" });
});

it("keeps an accepted message accepted when the holder goes", async () => {
  const { path, socket } = await openSocket();
  const attached = await attachDevice(path);
  const sent = await attached.send("@bob", "hello");
  await socket.close();
  expect(await sent.settled).toMatchObject({
    state: "accepted",
    error: { code: "closed" },
  });
  expect(await attached.closed).toMatchObject({ code: "closed" });
  await expect(attached.ping("bob")).rejects.toMatchObject({ code: "closed" });
});

it("does not wait for a session of a holder that went", async () => {
  const { path, device, socket } = await openSocket();
  device.state = "connecting";
  const attached = await attachDevice(path);
  const early = attached.start();
  early.catch(() => undefined);
  await socket.close();
  await expect(early).rejects.toMatchObject({ code: "closed" });
  await attached.closed;
  await expect(attached.start()).rejects.toMatchObject({ code: "closed" });
});

it("hands messages out one after the other and tells the holder when each is done", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const leave = attached.onMessage(async ({ text }: IncomingMessage) => {
    seen.push(text);
    await gate.promise;
  });
  await until(() => device.handlers === 1);
  let done = 0;
  void device.receive(messageOf("one")).then(() => done++);
  void device.receive(messageOf("two")).then(() => done++);
  await until(() => seen.length === 1);
  expect(done).toBe(0);
  gate.resolve();
  await until(() => done === 2);
  expect(seen).toEqual(["one", "two"]);
  leave();
  await until(() => device.handlers === 0);
});

it("lets a program that leaves finish the message that it has, and takes no other", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const inHand = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const leave = attached.onMessage(async () => {
    inHand.resolve();
    await gate.promise;
  });
  await until(() => device.handlers === 1);
  const received = device.receive(messageOf("one"));
  await inHand.promise;
  leave();
  gate.resolve();
  await received;
  await until(() => device.handlers === 0);
});

it("fails the holder's handler when the listening program dies", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  attached.onMessage(() => new Promise(() => undefined));
  await until(() => device.handlers === 1);
  const received = device.receive(messageOf("one"));
  received.catch(() => undefined);
  await attached.stop();
  await expect(received).rejects.toMatchObject({ code: "closed" });
});

it("streams a task's events and folds its artifacts", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  device.taskEvents = [
    { response: { task: { id: "t", status: { state: "TASK_STATE_WORKING" } } }, path: "relay" },
    {
      response: { artifactUpdate: { taskId: "t", artifact: { artifactId: "a", parts: [{ text: "one" }] } } },
      path: "direct",
    },
    {
      response: { artifactUpdate: { taskId: "t", artifact: { artifactId: "b", parts: [{ data: { hits: 3 } }] } } },
      path: "direct",
    },
  ];
  const run = await attached.delegate(undefined, { skill: "search", input: { query: "x" } });
  expect(run.to.name).toBe("bob");
  device.outcome.resolve();
  const paths: string[] = [];
  for await (const { path: by } of run.events) paths.push(by);
  expect(paths).toEqual(["relay", "direct", "direct"]);
  expect(await run.outcome).toMatchObject({ output: { hits: 3 }, text: "one", path: "direct", tookMs: 7 });
  expect(run.taskId).toBe("t");
});

it("cancels a task of the holder", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const run = await attached.delegate("bob", { skill: "search" });
  run.cancel();
  await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
  expect(device.taskSignal?.aborted).toBe(true);
});

it("follows the holder's events and leaves no watcher behind", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const seen: DeviceEvent["type"][] = [];
  attached.watch(({ type }) => seen.push(type));
  device.emit({ type: "link", link: { ...link, state: "closed" } });
  device.emit({ type: "revoked", member: "x" });
  await until(() => seen.length === 2);
  expect(attached.links()).toEqual([]);
  await attached.stop();
  await until(() => device.watchers === 0);
});

it("asks and sets the holder's guards, and hears when they change", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const { guards } = attached;
  const { member } = device;
  expect(await guards.standingOf(member, { asks: true })).toEqual(device.guards.standing);
  expect(await guards.setAttention("mentions", { forMs: 1000 })).toEqual({ mode: "mentions", until: undefined });
  expect(await guards.attention()).toEqual({ mode: "mentions", until: undefined });
  const loop = { conversation: `@${member}`, name: "@bob", since: 1, quietMs: 2, reason: "no-news" } as const;
  expect(await guards.stopLoop(loop)).toBe(true);
  expect(await guards.loops()).toEqual([loop]);
  expect(await guards.resumeLoop(loop.conversation)).toBe(true);
  const client = { id: "edge/1", name: "shell", edge: "door", standing: "keyless" } as const;
  expect(await guards.hold(client)).toBe(false);
  expect(await guards.held()).toEqual([{ ...client, at: 0, times: 1 }]);
  await guards.admit(client.id);
  expect(await guards.hold(client)).toBe(true);
  await guards.redact(true);
  expect(device.guards.redacts).toBe(true);
  const seen: DeviceEvent[] = [];
  attached.watch((event) => seen.push(event));
  const events: DeviceEvent[] = [
    { type: "attention", mode: "open", until: 5 },
    { type: "loop", state: "stopped", loop },
    { type: "held", client: { ...client, at: 0, times: 1 } },
  ];
  for (const event of events) device.emit(event);
  await until(() => seen.length === 3);
  expect(seen).toEqual(events);
});

it("says that nobody holds a device whose socket is left over", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await expect(attachDevice(join(folder, "none.sock"))).rejects.toMatchObject({ code: "not_connected" });
  const left = join(folder, "left.sock");
  writeFileSync(left, "");
  await expect(attachDevice(left)).rejects.toMatchObject({ code: "not_connected" });
  const socket = await DeviceSocket.open({ device: new FakeDevice(), path: left });
  await (await attachDevice(left)).stop();
  await socket.close();
});

it("is for its owner only", async () => {
  const { path } = await openSocket();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it("greets a program that shares a version and refuses one that does not", async () => {
  const { path } = await openSocket();
  const old = new RawCaller(path);
  old.send(helloTo(path, { versions: [99], program: "old" }));
  expect(await old.next()).toMatchObject({ error: { code: "unsupported_version" } });
  expect(await old.next()).toBeUndefined();
  const rude = new RawCaller(path);
  rude.send({ id: 1, op: "status", body: {} });
  expect(await rude.next()).toMatchObject({ error: { code: "invalid_argument" } });
  const newer = new RawCaller(path);
  newer.send(helloTo(path, { versions: [1, 99], program: "newer" }));
  expect(await newer.next()).toMatchObject({ welcome: { version: 1, name: "ada" } });
});

it.each([
  ["an unknown operation", { id: 1, op: "frobnicate", body: {} }, "unsupported_operation"],
  ["an operation named like a method of objects", { id: 1, op: "toString", body: {} }, "unsupported_operation"],
  ["a body with an unknown field", { id: 1, op: "memberOf", body: { who: "bob", extra: 1 } }, "invalid_argument"],
  ["a missing body", { id: 1, op: "memberOf", body: {} }, "invalid_argument"],
  [
    "a session request of the wrong form",
    { id: 1, op: "request", body: { type: "invite.create", body: {} } },
    "invalid_argument",
  ],
])("answers %s with a code and goes on", async (_, line, code) => {
  const { path } = await openSocket();
  const caller = await RawCaller.greeted(path);
  caller.send(line);
  expect(await caller.next()).toMatchObject({ re: 1, error: { code } });
  caller.send({ id: 2, op: "memberOf", body: { who: "bob" } });
  expect(await caller.next()).toMatchObject({ re: 2, body: { name: "bob" } });
});

it.each([
  ["no JSON", "{"],
  ["no request", '{"what":1}'],
  ["a nesting too deep", "[".repeat(100)],
])("closes on a line that is %s", async (_, line) => {
  const { path } = await openSocket();
  const caller = await RawCaller.greeted(path);
  caller.send(line);
  expect(await caller.next()).toMatchObject({ error: { code: expect.any(String) } });
  expect(await caller.next()).toBeUndefined();
});

it("takes a line of the longest length and closes on a longer one", async () => {
  const { path, device } = await openSocket();
  const lineOf = (length: number): string => {
    const [before, after] = ['{"id":1,"op":"send","body":{"to":"bob","text":"', '"}}'];
    return before + "x".repeat(length - before.length - after.length) + after;
  };
  const fits = await RawCaller.greeted(path);
  fits.send(lineOf(lineBytes));
  expect(await fits.next()).toMatchObject({ re: 1, event: { sent: { state: "accepted" } } });
  expect(device.asked).toHaveLength(1);
  const over = await RawCaller.greeted(path);
  over.send(lineOf(lineBytes + 1));
  expect(await over.next()).toMatchObject({ error: { code: "too_large" } });
  expect(device.asked).toHaveLength(1);
});

it("bounds the requests of a connection", async () => {
  const { path } = await openSocket();
  const caller = await RawCaller.greeted(path);
  for (let id = 1; id <= mostRequests + 1; id++) caller.send({ id, op: "messages", body: {} });
  expect(await caller.next()).toMatchObject({ re: mostRequests + 1, error: { code: "limit_reached" } });
  caller.send({ cancel: 1 });
  expect(await caller.next()).toEqual({ re: 1, body: {} });
});

it("bounds the local connections", async () => {
  const { path } = await openSocket();
  const callers = await Promise.all(Array.from({ length: mostConnections }, () => RawCaller.greeted(path)));
  const extra = new RawCaller(path);
  expect(await extra.next()).toMatchObject({ error: { code: "limit_reached" } });
  callers[0]?.socket.destroy();
  await expect
    .poll(async () =>
      attachDevice(path).then(
        async (device) => device.stop(),
        () => "refused",
      ),
    )
    .toBeUndefined();
});

it("goes on for a waiting program before it closes", async () => {
  const { path, device, socket } = await openSocket();
  const attached = await attachDevice(path);
  const sent = await attached.send("@bob", "hello");
  expect(socket.busy).toBe(true);
  const settled = socket.settle(10_000);
  device.delivered();
  await settled;
  expect(socket.busy).toBe(false);
  expect((await sent.settled).state).toBe("delivered");
});

it("goes on for a waiting program beside one that waits for nothing", async () => {
  const { path, device, socket } = await openSocket();
  const idle = await attachDevice(path);
  idle.onMessage(() => undefined);
  await until(() => device.handlers === 1);
  const sent = await (await attachDevice(path)).send("@bob", "hello");
  const settled = socket.settle(60_000);
  setImmediate(() => device.delivered());
  await settled;
  expect((await sent.settled).state).toBe("delivered");
});

it("lets nobody in while it ends, and first hears what a program that had just come asks", async () => {
  const { path, device, socket } = await openSocket();
  const attached = await attachDevice(path);
  const settled = socket.settle(60_000);
  await expect(attachDevice(path)).rejects.toMatchObject({ code: "not_connected" });
  expect(await attached.memberOf("bob")).toEqual(bob);
  await settled;
  expect(device.watchers).toBe(1);
});

it("does not wait long for a program that asks nothing", async () => {
  const { path, socket } = await openSocket();
  await attachDevice(path);
  await socket.settle(60_000);
  expect(socket.busy).toBe(false);
});
