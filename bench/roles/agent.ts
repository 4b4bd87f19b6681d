/** A process with one or more devices, each of its own member. */
import { createAgent, runAgent } from "@parley/agent";
import {
  awaitAdmission,
  createIdentityDraft,
  Device,
  type IncomingMessage,
  type LinkView,
  pairWithLink,
  type PendingPairing,
} from "@parley/client";
import { type Journal, openMemoryJournal } from "@parley/core";
import { NodeLinkFactory } from "@parley/peer/node";
import { limits, parseInviteLink } from "@parley/protocol";
import { DeviceSocket } from "@parley/sidecar";
import { openSqliteJournal } from "@parley/store-sqlite";
import { testCard } from "@parley/testkit";

import { ProgramHost } from "../../packages/cli/src/sidecar/program-host.ts";
import { type Asked, askByBoard, askByMessage, workForBoard } from "../board-work.ts";
import { CountedBodies, Counter, endOfRun } from "../counted-bodies.ts";
import { type LoadFigures, repeatCall } from "../load.ts";
import { between } from "../pair-of-agents.ts";
import { answerCommands, residentKiB } from "../role.ts";

/** The one skill of the bench: answers with its input. */
const echoSkill = "echo";

/** The one that is asked of one agent after the other. */
const handOnSkill = "hand-on";
interface HandedOn {
  readonly left: number;
}

/** Which device of the process acts, and towards whom. */
interface Between {
  readonly as: string;
  readonly to: string;
}

const longestIdleMs = 3_600_000;
const numberDigits = 10;
const endText = "end";
/** Durable messages that wait to be accepted at once. */
const accepting = 256;

const factory = new NodeLinkFactory();
const pending = new Map<string, PendingPairing>();
/** How a device is opened again after it left. */
const openings = new Map<string, () => Promise<Device>>();
const journals = new Map<string, Journal>();
const devices = new Map<string, Device>();
const counter = new Counter();
const refusals: string[] = [];

function deviceOf(name: string): Device {
  const device = devices.get(name);
  if (device === undefined) throw new Error(`no device of ${name} here`);
  return device;
}

async function linkTo({ as, to }: Between): Promise<LinkView> {
  return deviceOf(as).connect(to);
}

/** Writes live messages for so long; resolves when every one is acknowledged. */
async function flood({ as, to, size, seconds }: Between & { size: number; seconds: number }) {
  const writer = await deviceOf(as).stream(to, { paths: ["direct"] });
  const unacked = Math.min(limits.unackedEnvelopes, Math.ceil(limits.unackedBytes / size));
  const bodies = new CountedBodies(size, unacked + 1);
  const started = performance.now();
  const until = started + seconds * 1000;
  while (performance.now() < until) {
    for (let written = 0; written < 64; written++) {
      const body = bodies.next();
      while (!writer.write(body)) await writer.room();
    }
  }
  while (!writer.write(endOfRun)) await writer.room();
  while (writer.unacked > 0) await new Promise((resolve) => setImmediate(resolve));
  return { sent: bodies.taken, ms: performance.now() - started };
}

/** Sends durable messages for so long, at most so many; resolves when the other side has committed each of them. */
async function floodDurable({
  as,
  to,
  size,
  seconds,
  most,
}: Between & { size: number; seconds: number; most: number }) {
  const device = deviceOf(as);
  const filler = "x".repeat(size - numberDigits);
  const ends: Promise<{ readonly state: string }>[] = [];
  const started = performance.now();
  const until = started + seconds * 1000;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < most && performance.now() < until) {
      const sent = await device.send(to, `${String(next++).padStart(numberDigits, "0")}${filler}`);
      ends.push(sent.settled);
    }
  };
  await Promise.all(Array.from({ length: accepting }, worker));
  ends.push((await device.send(to, endText)).settled);
  const delivered = (await Promise.all(ends)).filter(({ state }) => state === "delivered").length;
  return { sent: next, delivered: delivered - 1, ms: performance.now() - started };
}

/** Sends so many durable messages through the registry; resolves when each has come to this state. */
async function sendByRegistry({
  as,
  to,
  size,
  count,
  state,
}: Between & { size: number; count: number; state: "stored" | "delivered" }): Promise<{ reached: number }> {
  const device = deviceOf(as);
  const filler = "x".repeat(size - numberDigits);
  const paths = ["relay", "mailbox"] as const;
  const ends: Promise<{ readonly state: string }>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const sent = await device.send(to, `${String(next++).padStart(numberDigits, "0")}${filler}`, { paths });
      ends.push(sent.reaches(state));
    }
  };
  await Promise.all(Array.from({ length: accepting }, worker));
  ends.push((await device.send(to, endText, { paths })).reaches(state));
  const reached = (await Promise.all(ends)).filter((delivery) => delivery.state === state).length;
  return { reached: reached - 1 };
}

function countMessage({ text }: IncomingMessage): void {
  if (text === endText) counter.end();
  else counter.count(Number(text.slice(0, numberDigits)));
}

const commands = {
  /** Asks to join by an invite link; returns the id of the request. */
  async pair({ name, link }: { name: string; link: string }): Promise<string> {
    const draft = await createIdentityDraft({ name, kind: "agent", label: "bench" });
    const asked = await pairWithLink(draft, parseInviteLink(link));
    if (!("pairing" in asked)) throw new Error("the link was no invite");
    pending.set(name, asked);
    return asked.pairing;
  },
  /** Takes the admission and connects, with a journal on disk when there is a folder for it. */
  async join({ name, dir }: { name: string; dir?: string }): Promise<void> {
    const asked = pending.get(name);
    if (asked === undefined) throw new Error(`${name} did not ask to join`);
    const { identity, trust, registry } = await awaitAdmission(asked);
    const open = async (): Promise<Device> => {
      const journal = dir === undefined ? openMemoryJournal() : openSqliteJournal({ dir });
      journals.set(name, journal);
      const device = await Device.open({
        strangers: "take",
        identity,
        registry,
        trust,
        journal,
        links: { factory },
        linkIdleMs: longestIdleMs,
      });
      device.watch((event) => {
        if (event.type === "refused") refusals.push(`${event.code}: ${event.message}`);
      });
      await device.start();
      return device;
    };
    openings.set(name, open);
    devices.set(name, await open());
  },
  /** Stops a device; it may come back. */
  async leave(name: string): Promise<void> {
    await deviceOf(name).stop();
    await journals.get(name)?.close();
  },
  /** Starts it again, with a handler for messages, and waits for nothing. */
  async comeBack(name: string): Promise<void> {
    const device = await openings.get(name)?.();
    if (device === undefined) throw new Error(`${name} was never here`);
    devices.set(name, device);
    device.onMessage(countMessage);
  },
  async connect(between: Between): Promise<{ path: string | undefined }> {
    const { path } = await linkTo(between);
    return { path };
  },
  paths: (as: string): readonly (string | undefined)[] =>
    deviceOf(as)
      .links()
      .map(({ path }) => path),
  listen(as: string): void {
    const device = deviceOf(as);
    device.onStream(({ body }) => counter.take(body));
    device.onMessage(countMessage);
  },
  flood,
  floodDurable,
  sendByRegistry,
  reset: (): void => counter.reset(),
  arrivals: () => counter.arrivals(),
  ping({ as, to, seconds }: Between & { seconds: number }): Promise<LoadFigures> {
    const device = deviceOf(as);
    const ping = async (): Promise<void> => {
      const { path } = await device.ping(to);
      if (path !== "direct") throw new Error(`a ping went by ${path}`);
    };
    return repeatCall(ping, { seconds, inFlight: 1 });
  },
  async serveEcho(as: string): Promise<void> {
    const device = deviceOf(as);
    device.serve(({ input }) => Promise.resolve(input));
    await device.publishCard(testCard(device, [{ id: echoSkill }]));
  },
  delegate({ as, to, ...load }: Between & { seconds: number; inFlight: number }): Promise<LoadFigures> {
    const device = deviceOf(as);
    let next = 0;
    const call = async (): Promise<void> => {
      const input = { text: `call ${next++}` };
      const { outcome } = await device.delegate(to, { skill: echoSkill, input });
      const { output, path } = await outcome;
      if ((output as typeof input | undefined)?.text !== input.text) throw new Error("a call got another's answer");
      if (path !== "direct") throw new Error(`a call went by ${path}`);
    };
    return repeatCall(call, load);
  },
  /** Works by asking the next one, as many more times as the input says. */
  async serveHandOn({ as, to }: Between): Promise<void> {
    const device = deviceOf(as);
    device.serve(async ({ input, hops, through, deadline }) => {
      const { left } = input as HandedOn;
      if (left === 0) return { left };
      const run = await device.delegate(to, {
        skill: handOnSkill,
        input: { left: left - 1 },
        hops: hops + 1,
        through: [...through, { member: device.member, skill: handOnSkill }],
        timeLimitMs: deadline - Date.now(),
      });
      return (await run.outcome).output;
    });
    await device.publishCard(testCard(device, [{ id: handOnSkill }]));
  },
  handOn({ as, to, left, seconds }: Between & HandedOn & { seconds: number }): Promise<LoadFigures> {
    const device = deviceOf(as);
    const call = async (): Promise<void> => {
      const { outcome } = await device.delegate(to, { skill: handOnSkill, input: { left } });
      if (((await outcome).output as HandedOn).left !== 0) throw new Error("a call did not come to its end");
    };
    return repeatCall(call, { seconds, inFlight: 1 });
  },
  /** Lets programs use a device by its socket, and serve skills through it, as `parley sidecar` does. */
  async openSocket({ as, path }: { as: string; path: string }): Promise<void> {
    const device = deviceOf(as);
    const host = new ProgramHost({ mostHops: limits.hops });
    await DeviceSocket.open({ device, path, host });
    if (as === between.as) return;
    // What is measured is the way, not the guard.
    const guards = { perMinute: { sender: 1_000_000, total: 1_000_000 } };
    const agent = createAgent({ name: as, skills: [], limits: { concurrentTasks: limits.taskCalls }, guards });
    host.begin(await runAgent({ agent, device, log: () => undefined, leavesMessages: true }));
  },
  /** Answers each message with one. */
  answer(as: string): void {
    const device = deviceOf(as);
    device.onMessage(async ({ from, text }) => {
      await device.send(from.name, text);
    });
  },
  workForBoard: (as: string): Promise<void> => workForBoard(deviceOf(as)),
  askByMessage: ({ as, to, count }: { as: string; to: readonly string[]; count: number }): Promise<Asked> =>
    askByMessage(deviceOf(as), to, count),
  askByBoard: ({ as, count }: { as: string; count: number }): Promise<Asked> => askByBoard(deviceOf(as), count),
  /** Sends a message to somebody never met, and waits for the reply. */
  async firstReply({ as, to }: Between): Promise<{ ms: number; path: string }> {
    const device = deviceOf(as);
    const reply = Promise.withResolvers<IncomingMessage>();
    device.onMessage((message) => reply.resolve(message));
    const started = performance.now();
    await device.send(to, "hello");
    const { path } = await reply.promise;
    return { ms: performance.now() - started, path };
  },
  refusals: (): readonly string[] => refusals.splice(0),
  memory: (): number => residentKiB(),
};

export type AgentCommands = typeof commands;
answerCommands(commands);
