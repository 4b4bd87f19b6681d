import { ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { mostLaneEvents } from "../src/event-lane.ts";
import { mostUnacknowledged } from "../src/local-lines.ts";
import { link, messageOf } from "./fake-device.ts";
import { FakeHost } from "./fake-host.ts";
import { openSocket, until } from "./open-socket.ts";
import { RawCaller } from "./raw-caller.ts";

const skill = (id: string, more: object = {}): object => ({ skills: [{ id, ...more }] });

async function serving(id: string, more: object = {}, host = new FakeHost()) {
  const { path, device, socket } = await openSocket({ host });
  const program = await RawCaller.greeted(path);
  expect(await program.ask(1, "serve", { ...skill(id), ...more })).toMatchObject({ event: { serving: [id] } });
  return { path, device, socket, host, program };
}

describe("a program that serves skills", () => {
  it("gets tasks with who asks, and ends them with a result", async () => {
    const { host, program } = await serving("add");
    const result = host.ask("add");
    expect(await program.next()).toMatchObject({
      re: 1,
      n: 2,
      event: { task: { task: "t1", skill: "add", input: { a: 1 }, from: { name: "bob", verified: true }, hops: 0 } },
    });
    expect(await program.ask(2, "reply", { task: "t1", progress: "soon" })).toEqual({ re: 2, body: {} });
    expect(await program.ask(3, "reply", { task: "t1", artifact: { text: "page" } })).toEqual({ re: 3, body: {} });
    expect(await program.ask(4, "reply", { task: "t1", ask: { question: "why?" } })).toEqual({
      re: 4,
      body: { answer: "answer to why?" },
    });
    expect(await program.ask(5, "reply", { task: "t1", result: 3 })).toEqual({ re: 5, body: {} });
    expect(await result).toBe(3);
    expect(host.said).toEqual([{ progress: "soon" }, { artifact: { text: "page" } }]);
    expect(await program.ask(6, "reply", { task: "t1", result: 3 })).toMatchObject({
      error: { code: "task_not_found" },
    });
  });

  it("fails a task with its own code and words, or as a failed skill", async () => {
    const { host, program } = await serving("add");
    for (const [error, code] of [
      [{ code: "not_found", message: "No such book." }, "not_found"],
      [{}, "task_failed"],
    ] as const) {
      const failed = host.ask("add");
      failed.catch(() => undefined);
      await program.next();
      await program.ask(2, "reply", { task: "t1", error });
      await expect(failed).rejects.toMatchObject({ code });
    }
  });

  it("is told, as its caller is, of a result that does not fit its own schema", async () => {
    const host = new FakeHost();
    const { program } = await serving("add", skill("add", { output: { type: "number" } }), host);
    const failed = host.ask("add");
    failed.catch(() => undefined);
    await program.next();
    expect(await program.ask(2, "reply", { task: "t1", result: "3" })).toMatchObject({
      error: { code: "invalid_output" },
    });
    await expect(failed).rejects.toMatchObject({ code: "invalid_output" });
  });

  it("hears that a task ended without it", async () => {
    const { host, program } = await serving("add");
    const caller = new AbortController();
    const failed = host.ask("add", { signal: caller.signal });
    failed.catch(() => undefined);
    await program.next();
    caller.abort(new ParleyError("canceled", { message: "Not needed." }));
    expect(await program.next()).toMatchObject({
      event: { cancel: { task: "t1", error: { code: "canceled", message: "Not needed." } } },
    });
    await expect(failed).rejects.toMatchObject({ code: "canceled" });
    expect(await program.ask(2, "reply", { task: "t1", result: 3 })).toMatchObject({
      error: { code: "task_not_found" },
    });
  });

  it.each([
    ["goes", (program: RawCaller) => void program.socket.destroy()],
    ["cancels its serving", (program: RawCaller) => program.send({ cancel: 1 })],
  ])("fails its tasks with a code when it %s, and offers nothing any more", async (_, leave) => {
    const { host, program } = await serving("add");
    const failed = host.ask("add");
    failed.catch(() => undefined);
    await program.next();
    leave(program);
    await expect(failed).rejects.toMatchObject({ code: "closed", message: expect.stringContaining("went away") });
    await until(() => host.skills.length === 0);
  });

  it("works on as many tasks as it says, and more are refused", async () => {
    const { host, program } = await serving("add", { concurrency: 2 });
    const tasks = ["t1", "t2", "t3"].map((id) => host.ask("add", { id }));
    await expect(tasks[2]).rejects.toMatchObject({ code: "limit_reached" });
    await program.next();
    await program.next();
    await program.ask(2, "reply", { task: "t1", result: 1 });
    const next = host.ask("add", { id: "t4" });
    expect(await program.next()).toMatchObject({ event: { task: { task: "t4" } } });
    await program.ask(3, "reply", { task: "t2", result: 2 });
    await program.ask(4, "reply", { task: "t4", result: 4 });
    expect(await Promise.all([tasks[0], tasks[1], next])).toEqual([1, 2, 4]);
  });

  it("is one of several, each with its own skills and its own tasks", async () => {
    const { path, host, program } = await serving("add");
    const other = await RawCaller.greeted(path);
    expect(await other.ask(1, "serve", skill("add"))).toMatchObject({ error: { code: "already_exists" } });
    expect(await other.ask(2, "serve", skill("sub"))).toMatchObject({ event: { serving: ["sub"] } });
    const added = host.ask("add");
    await program.next();
    expect(await other.ask(3, "reply", { task: "t1", result: 0 })).toMatchObject({ error: { code: "task_not_found" } });
    await program.ask(2, "reply", { task: "t1", result: 3 });
    expect(await added).toBe(3);
    program.socket.destroy();
    await until(() => host.skills.length === 1);
    expect(await other.ask(4, "serve", skill("add"))).toMatchObject({ event: { serving: ["add"] } });
  });

  it("has to go to a process that takes skills of programs", async () => {
    const { path } = await openSocket();
    const program = await RawCaller.greeted(path);
    expect(await program.ask(1, "serve", skill("add"))).toMatchObject({
      error: { code: "unsupported_operation", message: expect.stringContaining("parley sidecar") },
    });
  });

  it("asks further with what led to its task, whatever it says of that itself", async () => {
    const { host, program, device } = await serving("add");
    const asked: unknown[] = [];
    device.delegate = (to, request) => {
      asked.push([to, request]);
      return Promise.reject(new ParleyError("no_holder"));
    };
    const task = host.ask("add", { deadline: Date.now() + 5000 });
    await program.next();
    const body = { to: "@bob", skill: "sub", hops: 0, through: [], timeLimitMs: 60_000, task: "t1" };
    await program.ask(2, "delegate", body);
    expect(asked).toMatchObject([["@bob", { hops: 1, through: [{ member: "m", skill: "add" }] }]]);
    expect((asked[0] as [string, { timeLimitMs: number }])[1].timeLimitMs).toBeLessThanOrEqual(5000);
    expect(await program.ask(3, "delegate", { ...body, onBehalf: true })).toMatchObject({
      error: { code: "bad_delegation" },
    });
    expect(await program.ask(4, "delegate", { ...body, task: "t2" })).toMatchObject({
      error: { code: "task_not_found" },
    });
    expect(await program.ask(5, "delegate", { skill: "sub", onBehalf: true })).toMatchObject({
      error: { code: "invalid_argument" },
    });
    expect(asked).toHaveLength(1);
    await program.ask(6, "reply", { task: "t1", result: null });
    expect(await task).toBeNull();
  });
});

describe("a program that follows events", () => {
  it("hears of peers: those with a link first, then as they come and go, once each", async () => {
    const { path, device } = await openSocket();
    const program = await RawCaller.greeted(path);
    expect(await program.ask(1, "subscribe", { events: ["peers"] })).toMatchObject({ event: { subscribed: true } });
    const peer = { member: link.member, name: "bob", device: link.device, path: "direct" };
    expect(await program.next()).toMatchObject({ n: 2, event: { peer_list: [peer] } });
    program.send({ ack: 1, n: 2 });
    const other = { ...link, device: "B".repeat(43) };
    device.emit({ type: "link", link });
    device.emit({ type: "link", link: { ...other, state: "opening" } });
    device.emit({ type: "link", link: other });
    device.emit({ type: "link", link: { ...link, state: "closed" } });
    device.emit({ type: "link", link: { ...link, state: "closed" } });
    expect(await program.next()).toMatchObject({ n: 3, event: { peer_connected: { device: other.device } } });
    program.send({ ack: 1, n: 3 });
    expect(await program.next()).toMatchObject({ n: 4, event: { peer_disconnected: peer } });
    program.send({ cancel: 1 });
    expect(await program.next()).toEqual({ re: 1, body: {} });
    expect(device.watchers).toBe(0);
  });

  it("hears of receipts, each after the one before is acknowledged", async () => {
    const { path, device } = await openSocket();
    const program = await RawCaller.greeted(path);
    await program.ask(1, "subscribe", { events: ["receipts"] });
    await until(() => device.watchers === 1);
    device.stored();
    device.stored();
    expect(await program.next()).toMatchObject({
      n: 2,
      event: { receipt: { to: link.member, delivery: { state: "stored" } } },
    });
    expect(await program.ask(2, "status", {})).toMatchObject({ re: 2 });
    program.send({ ack: 1, n: 2 });
    expect(await program.next()).toMatchObject({ re: 1, n: 3 });
  });

  it("that has as many unacknowledged as may wait gets them all", async () => {
    const { path, device } = await openSocket();
    const program = await RawCaller.greeted(path);
    await program.ask(1, "subscribe", { events: ["receipts"] });
    await until(() => device.watchers === 1);
    // One of them is on its way.
    for (let count = 0; count < mostLaneEvents + 1; count++) device.stored();
    for (let n = 2; n < mostLaneEvents + 3; n++) {
      expect(await program.next()).toMatchObject({ re: 1, n });
      program.send({ ack: 1, n });
    }
    expect(await program.ask(2, "status", {})).toMatchObject({ re: 2 });
  });

  it("that lets one more wait is told so, and its connection goes on", async () => {
    const { path, device } = await openSocket();
    const program = await RawCaller.greeted(path);
    await program.ask(1, "subscribe", { events: ["receipts"] });
    await until(() => device.watchers === 1);
    for (let count = 0; count < mostLaneEvents + 2; count++) device.stored();
    expect(await program.next()).toMatchObject({ n: 2 });
    expect(await program.next()).toMatchObject({ re: 1, error: { code: "slow_reader", retryable: true } });
    expect(await program.ask(2, "status", {})).toMatchObject({ re: 2, body: { state: "connected" } });
    expect(device.watchers).toBe(0);
  });

  it("gets messages as the agent's guards let them through, and the newest reader has them", async () => {
    const host = new FakeHost();
    const { path, device } = await openSocket({ host });
    const first = await RawCaller.greeted(path);
    await first.ask(1, "subscribe", { events: ["messages"] });
    const second = await RawCaller.greeted(path);
    await second.ask(1, "subscribe", { events: ["messages"] });
    await until(() => host.listeners === 2);
    expect(device.handlers).toBe(0);
    const handed = host.receive(messageOf("a"));
    expect(await second.next()).toMatchObject({ n: 2, event: { message: { text: "a" } } });
    second.send({ ack: 1, n: 2 });
    await handed;
    const left = host.receive(messageOf("b"));
    left.catch(() => undefined);
    expect(await second.next()).toMatchObject({ event: { message: { text: "b" } } });
    second.socket.destroy();
    await expect(left).rejects.toMatchObject({ code: "closed" });
    expect(host.listeners).toBe(1);
    host.receive(messageOf("b")).catch(() => undefined);
    expect(await first.next()).toMatchObject({ event: { message: { text: "b" } } });
  });

  it("has so many messages unacknowledged, and the next waits for one of them", async () => {
    const { path, device } = await openSocket();
    const program = await RawCaller.greeted(path);
    await program.ask(1, "subscribe", { events: ["messages"] });
    await until(() => device.handlers === 1);
    for (let count = 0; count <= mostUnacknowledged; count++)
      device.receive(messageOf(`${count}`)).catch(() => undefined);
    for (let count = 0; count < mostUnacknowledged; count++)
      expect(await program.next()).toMatchObject({ n: count + 2, event: { message: { text: `${count}` } } });
    expect(await program.ask(2, "status", {})).toMatchObject({ re: 2 });
    program.send({ ack: 1, n: 9 });
    expect(await program.next()).toMatchObject({ re: 1, event: { message: { text: `${mostUnacknowledged}` } } });
  });
});

describe("a program that asks", () => {
  it("lists other members with skills and links, and broadcasts with a state for each", async () => {
    const { path, device } = await openSocket();
    const program = await RawCaller.greeted(path);
    device.find = async () => ({ members: [await device.memberOf("bob")], refused: [], next: "more" });
    expect(await program.ask(1, "list_peers", { live: true })).toMatchObject({ body: { peers: [], next: "more" } });
    const other = { ...(await device.memberOf("bob")), member: "B".repeat(43), name: "cleo" };
    device.find = async () => ({ members: [other], refused: [], next: undefined });
    expect(await program.ask(2, "list_peers", {})).toMatchObject({
      body: { peers: [{ name: "cleo", kind: "agent", live: true, skills: [], links: [] }] },
    });
    device.delivered();
    expect(await program.ask(3, "broadcast", { text: "all", waitMs: 10 })).toMatchObject({
      event: { sent: { name: "cleo", member: other.member, state: "accepted" } },
    });
    expect(await program.next()).toMatchObject({ re: 3, body: { members: 1 } });
    expect(device.asked.at(-1)).toEqual([other.member, "all", { hops: 0 }]);
  });
});
