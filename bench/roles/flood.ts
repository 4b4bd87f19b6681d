/** Members of one mesh that measure what they get of a registry, or that ask it for all they can get. */
import { constants, setPriority } from "node:os";

import { encodePost } from "@parley/protocol";
import { callRegistry, TestDevice, TestIdentity } from "@parley/testkit";

import { answerCommands } from "../role.ts";
import { percentile } from "../spread.ts";

export type FloodKind = "requests" | "frames" | "stored" | "posts" | "http";

interface Member {
  readonly identity: TestIdentity;
  readonly devices: TestDevice[];
}

const members = new Map<string, Member>();
let origin = "";
let mesh = "";
let channel = "";
/** Whether the flooders go on. */
const flooding = { goesOn: false };

/** Bytes that wait in a flooder's own socket: it writes as fast as the registry reads. */
const aheadBytes = 262_144;
const connections = 32;
const floodFrameBytes = 1024;

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function member(name: string): Member {
  const known = members.get(name);
  if (known === undefined) throw new Error(`nobody is called ${name}`);
  return known;
}

function deviceOf(name: string, index = 0): TestDevice {
  const device = member(name).devices[index];
  if (device === undefined) throw new Error(`${name} is not connected`);
  return device;
}

/** Sends as fast as it goes; what comes back is thrown away. */
async function pour(device: TestDevice, next: () => Promise<string | Uint8Array<ArrayBuffer>>): Promise<void> {
  while (flooding.goesOn) {
    if (device.socket.bufferedBytes > aheadBytes) await pause(1);
    else for (let count = 0; count < 16; count++) device.socket.send(await next());
    await later();
  }
}

function flood(kind: Exclude<FloodKind, "http">, device: TestDevice, to: TestIdentity): Promise<void> {
  let id = 1_000_000;
  const content = new Uint8Array(floodFrameBytes);
  if (kind === "requests")
    return pour(device, () =>
      Promise.resolve(JSON.stringify({ id: id++, type: "directory.find", body: { text: "nobody" } })),
    );
  if (kind === "posts") return pour(device, async () => encodePost(await device.makePost(channel)));
  return pour(device, () => Promise.resolve(device.makeFrame(to, content, { store: kind === "stored" })));
}

async function floodHttp(device: TestDevice): Promise<void> {
  const { token } = await device.request("token.get", {});
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (path: string): Promise<void> => {
    while (flooding.goesOn) await fetch(`${origin}${path}`, { headers }).then((answer) => answer.text(), later);
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => ask(index % 2 === 0 ? "/blobs" : "/node")));
}

/** Does something so often a second, for so long. */
async function pace(perSecond: number, seconds: number, send: (index: number) => void): Promise<void> {
  const began = performance.now();
  for (let sent = 0; sent < perSecond * seconds;) {
    const due = Math.min(perSecond * seconds, ((performance.now() - began) / 1000) * perSecond);
    while (sent < due) send(sent++);
    await pause(1);
  }
}

/** Opens a session of each device, which ends the one that it had, with all that the registry has not read of it. */
async function openDevices(name: string): Promise<void> {
  const { identity, devices } = member(name);
  for (let device = 0; device < identity.devices.length; device++)
    devices[device] = await TestDevice.open(origin, identity, mesh, { device });
}

/** Who floods, and what it is doing. */
let pouring: { readonly from: string; readonly work: Promise<unknown> } | undefined;

const commands = {
  /** Makes a member and asks to be let in with it; the id of the pairing. */
  async pair(given: { origin: string; mesh: string; name: string; secret: string; devices: number }): Promise<string> {
    [origin, mesh] = [given.origin, given.mesh];
    const identity = await TestIdentity.create(given.name, { devices: given.devices });
    members.set(given.name, { identity, devices: [] });
    const body = {
      secret: given.secret,
      request: await identity.pairing(mesh),
      devices: await identity.deviceList(mesh),
    };
    return (await callRegistry<{ pairing: string }>(origin, "POST", "/pairings", body)).pairing;
  },
  async connect(name: string): Promise<void> {
    await openDevices(name);
    const joined = await deviceOf(name).request("channel.join", { name: "general" });
    channel = joined.channel.channel;
  },
  /** p99, in ms, of frames from one member to another one. */
  async relay({ from, to, perSecond, seconds }: { from: string; to: string; perSecond: number; seconds: number }) {
    const [sender, receiver] = [deviceOf(from), deviceOf(to)];
    const count = Math.round(perSecond * seconds);
    const sentAt: number[] = [];
    const took: number[] = [];
    const received = (async () => {
      while (took.length < count) {
        const { content } = await receiver.nextDelivery();
        const index = new DataView(content.buffer, content.byteOffset).getUint32(0);
        took.push(performance.now() - (sentAt[index] ?? 0));
      }
    })();
    await pace(perSecond, seconds, (index) => {
      const content = new Uint8Array(64);
      new DataView(content.buffer).setUint32(0, index);
      sentAt[index] = performance.now();
      sender.sendFrame(member(to).identity, content);
    });
    await received;
    return percentile(took, 0.99);
  },
  /** p99, in ms, of posts until their author has them back as a follower. */
  async echo({ from, perSecond, seconds }: { from: string; perSecond: number; seconds: number }): Promise<number> {
    const author = deviceOf(from);
    const count = Math.round(perSecond * seconds);
    await author.request("channel.follow", { channels: [{ channel, after: Number.MAX_SAFE_INTEGER }] });
    const sentAt = new Map<string, number>();
    const took: number[] = [];
    const posts = await Promise.all(Array.from({ length: count }, () => author.makePost(channel)));
    const received = (async () => {
      while (took.length < count) {
        for (const { statement } of (await author.nextBatch()).posts) {
          const began = sentAt.get(Buffer.from(statement).toString("latin1"));
          if (began !== undefined) took.push(performance.now() - began);
        }
      }
    })();
    await pace(perSecond, seconds, (index) => {
      const statement = posts[index] ?? "";
      sentAt.set(statement, performance.now());
      author.socket.send(encodePost(statement));
    });
    await received;
    await author.request("channel.unfollow", { channels: [channel] });
    return percentile(took, 0.99);
  },
  /** Asks for all it can get with every device of one member, until `cease`. */
  begin({ kind, from, to }: { kind: FloodKind; from: string; to: string }): void {
    flooding.goesOn = true;
    // A flood comes from elsewhere: what is measured is the registry's time, not that of the processors it shares here.
    setPriority(constants.priority.PRIORITY_LOW);
    const { devices } = member(from);
    const target = member(to).identity;
    const [first] = devices;
    const work: readonly Promise<void>[] =
      kind === "http"
        ? first === undefined
          ? []
          : [floodHttp(first)]
        : devices.map((device) => flood(kind, device, target));
    pouring = { from, work: Promise.all(work) };
  },
  /** Leaves nothing that the registry would still have to work through in the quiet that follows. */
  async cease(): Promise<void> {
    flooding.goesOn = false;
    await pouring?.work;
    if (pouring !== undefined) await openDevices(pouring.from);
  },
};

export type FloodCommands = typeof commands;
answerCommands(commands);
