/** The members of a channel that post, each with so many posts on their way at once; and the same to a plain server. */
import { signStatement } from "@parley/core";
import { decodePostBatch, encodePost } from "@parley/protocol";
import { callRegistry, randomId16, TestIdentity } from "@parley/testkit";
import { WebSocket } from "ws";

import { PostSession } from "../post-session.ts";
import { answerCommands } from "../role.ts";
import { percentile } from "../spread.ts";

const inFlight = 100;
const text = "Every reader checks these bytes as they were signed, one by one.";

const identities: TestIdentity[] = [];
let sessions: PostSession[] = [];
let plain: WebSocket[] = [];
let statements: Uint8Array<ArrayBuffer>[][] = [];
/** Those of the plain server stand for nothing. */
let channel = "A".repeat(43);
let mesh = "A".repeat(43);

const now = (): number => performance.timeOrigin + performance.now();

/** Sends everything with a window; `send` calls back when one has come through. */
async function sendAll(
  queue: readonly Uint8Array[],
  send: (bytes: Uint8Array) => void,
  onThrough: (run: () => void) => void,
): Promise<void> {
  let sent = 0;
  let through = 0;
  await new Promise<void>((resolve) => {
    onThrough(() => {
      if (++through === queue.length) return resolve();
      const next = queue[sent++];
      if (next !== undefined) send(next);
    });
    while (sent < Math.min(inFlight, queue.length)) send(queue[sent++] ?? new Uint8Array());
  });
}

/** Sends one after the other at a rate; milliseconds from sending one to getting it back. */
async function pace(
  queue: readonly Uint8Array[],
  perSecond: number,
  send: (bytes: Uint8Array) => void,
  onEcho: (run: () => void) => void,
): Promise<number[]> {
  const took: number[] = [];
  const sentAt: number[] = [];
  const began = performance.now();
  await new Promise<void>((resolve) => {
    onEcho(() => {
      took.push(performance.now() - (sentAt[took.length] ?? 0));
      if (took.length === queue.length) resolve();
    });
    const step = (): void => {
      const due = Math.min(queue.length, Math.ceil(((performance.now() - began) / 1000) * perSecond));
      while (sentAt.length < due) {
        const next = queue[sentAt.length];
        sentAt.push(performance.now());
        if (next !== undefined) send(next);
      }
      if (sentAt.length < queue.length) setTimeout(step, 1);
    };
    step();
  });
  return took;
}

const commands = {
  async make(count: number): Promise<{ id: string; key: string }[]> {
    for (let index = 0; index < count; index++) identities.push(await TestIdentity.create(`author-${index}`));
    return identities.map((identity) => ({ id: identity.device().id, key: identity.device().publicKey }));
  },
  async pair({
    origin,
    index,
    secret,
    mesh: of,
  }: {
    origin: string;
    index: number;
    secret: string;
    mesh: string;
  }): Promise<string> {
    const identity = identities[index];
    if (identity === undefined) throw new Error("no such author");
    const body = { secret, request: await identity.pairing(of), devices: await identity.deviceList(of) };
    return (await callRegistry<{ pairing: string }>(origin, "POST", "/pairings", body)).pairing;
  },
  async join({ origin, channel: to, mesh: of }: { origin: string; channel: string; mesh: string }): Promise<void> {
    [channel, mesh] = [to, of];
    sessions = await Promise.all(identities.map((identity) => PostSession.open(origin, of, identity)));
    for (const session of sessions) await session.request("channel.join", { channel });
  },
  async connect(url: string): Promise<void> {
    plain = await Promise.all(
      identities.map(async () => {
        const socket = new WebSocket(url, { perMessageDeflate: false });
        await new Promise((resolve) => socket.once("open", resolve));
        return socket;
      }),
    );
  },
  /** Signs so many posts of each author. */
  async sign(each: number): Promise<void> {
    statements = await Promise.all(
      identities.map((identity) =>
        Promise.all(
          Array.from({ length: each }, async () => {
            const post = {
              mesh,
              channel,
              member: identity.member,
              id: randomId16(),
              iat: Date.now(),
              content: { type: "text" as const, text },
            };
            return encodePost(await signStatement("post", post, identity.device()));
          }),
        ),
      ),
    );
  },
  /** Posts everything; the time at which it began. */
  async post(): Promise<number> {
    const began = now();
    await Promise.all(
      sessions.map((session, index) =>
        sendAll(
          statements[index] ?? [],
          (bytes) => session.socket.send(bytes),
          (run) =>
            (session.onResults = (results) => {
              for (const { error } of results) {
                if (error !== undefined) throw new Error(error.code);
                run();
              }
            }),
        ),
      ),
    );
    return began;
  },
  /** The same bytes to the plain server; an author goes on when it has its own ones back. */
  async broadcast(): Promise<number> {
    const began = now();
    await Promise.all(
      plain.map((socket, index) => {
        const own = new Set(
          (statements[index] ?? []).map((bytes) => Buffer.from(bytes.subarray(-86)).toString("latin1")),
        );
        return sendAll(
          statements[index] ?? [],
          (bytes) => socket.send(bytes.subarray(1)),
          (run) =>
            void socket.on("message", (data) => {
              if (own.delete((data as Buffer).subarray(-86).toString("latin1"))) run();
            }),
        );
      }),
    );
    for (const socket of plain) socket.removeAllListeners("message");
    return began;
  },
  /** Milliseconds from posting to having the post back as a follower, at a rate: p50 and p99. */
  async postPaced({ perSecond, after }: { perSecond: number; after: number }): Promise<{ p50: number; p99: number }> {
    const [session] = sessions;
    if (session === undefined) throw new Error("no author");
    session.onResults = () => undefined;
    await session.request("channel.follow", { channels: [{ channel, after }] });
    const took = await pace(
      statements[0] ?? [],
      perSecond,
      (bytes) => session.socket.send(bytes),
      (run) =>
        (session.onBatch = (bytes) => {
          const batch = decodePostBatch(bytes);
          if (batch.ok) for (let count = 0; count < batch.value.posts.length; count++) run();
        }),
    );
    await session.request("channel.unfollow", { channels: [channel] });
    return { p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
  },
  async broadcastPaced(perSecond: number): Promise<{ p50: number; p99: number }> {
    const [socket] = plain;
    if (socket === undefined) throw new Error("no author");
    const took = await pace(
      statements[0] ?? [],
      perSecond,
      (bytes) => socket.send(bytes.subarray(1)),
      (run) => void socket.on("message", () => run()),
    );
    socket.removeAllListeners("message");
    return { p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
  },
};

export type PostAuthorsCommands = typeof commands;
answerCommands(commands);
