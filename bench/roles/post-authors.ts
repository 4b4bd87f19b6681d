/** The members of a channel that post, each with so many posts on their way at once; and the same to what keeps nothing. */
import { signStatement } from "@parley/core";
import { decodePostBatch, encodePost } from "@parley/protocol";
import { callRegistry, randomId16, TestIdentity } from "@parley/testkit";
import { WebSocket } from "ws";

import { connectNats } from "../nats-client.ts";
import { PostSession } from "../post-session.ts";
import { postsOf } from "../post-subjects.ts";
import { answerCommands } from "../role.ts";
import { percentile } from "../spread.ts";

const inFlight = 100;
const text = "Every reader checks these bytes as they were signed, one by one.";

/** An author's connection to what keeps nothing: what it sends comes back to it as to everybody. */
interface EchoLine {
  readonly send: (statement: Uint8Array) => void;
  onEcho: (statement: Uint8Array) => void;
}

const identities: TestIdentity[] = [];
let sessions: PostSession[] = [];
let lines: EchoLine[] = [];
let statements: Uint8Array<ArrayBuffer>[][] = [];
/** Without a registry they stand for nothing. */
let channel = "A".repeat(43);
let mesh = "A".repeat(43);

/** Tells posts apart: the signature at their end. */
const signatureOf = (statement: Uint8Array): string =>
  Buffer.from(statement.buffer, statement.byteOffset, statement.byteLength).toString("latin1", statement.length - 86);

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
    lines = await Promise.all(
      identities.map(async () => {
        const socket = new WebSocket(url, { perMessageDeflate: false });
        await new Promise((resolve) => socket.once("open", resolve));
        const line: EchoLine = { send: (statement) => socket.send(statement), onEcho: () => undefined };
        socket.on("message", (data) => line.onEcho(data as Buffer));
        return line;
      }),
    );
  },
  /** As `connect`, to `nats-server`: an author subscribes to its own posts only. */
  async connectNats(url: string): Promise<void> {
    lines = await Promise.all(
      identities.map(async (_, index) => {
        const connection = await connectNats(url);
        const subject = postsOf(index);
        const line: EchoLine = {
          send: (statement) => connection.publish(subject, statement),
          onEcho: () => undefined,
        };
        connection.subscribe(subject, { callback: (_error, { data }) => line.onEcho(data) });
        await connection.flush();
        return line;
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
  /** The same bytes to what keeps nothing; an author goes on when it has its own ones back. */
  async broadcast(): Promise<number> {
    const began = now();
    await Promise.all(
      lines.map((line, index) => {
        const queue = statements[index] ?? [];
        const own = new Set(queue.map(signatureOf));
        return sendAll(
          queue,
          (bytes) => line.send(bytes.subarray(1)),
          (run) =>
            (line.onEcho = (statement) => {
              if (own.delete(signatureOf(statement))) run();
            }),
        );
      }),
    );
    for (const line of lines) line.onEcho = () => undefined;
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
    const [line] = lines;
    if (line === undefined) throw new Error("no author");
    const took = await pace(
      statements[0] ?? [],
      perSecond,
      (bytes) => line.send(bytes.subarray(1)),
      (run) => (line.onEcho = run),
    );
    line.onEcho = () => undefined;
    return { p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
  },
};

export type PostAuthorsCommands = typeof commands;
answerCommands(commands);
