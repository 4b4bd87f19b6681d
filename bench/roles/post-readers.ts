/** The members of a channel that read: each checks every byte, and one in a thousand signatures. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";

import { decodePostBatch } from "@parley/protocol";
import { type TestIdentity, WireMesh } from "@parley/testkit";
import { WebSocket } from "ws";

import { connectNats } from "../nats-client.ts";
import { PostSession } from "../post-session.ts";
import { allPosts, authorOf } from "../post-subjects.ts";
import { answerCommands } from "../role.ts";

const verifyEvery = 1000;

/** What came in one order. */
interface Order {
  readonly seen: Buffer[];
  /** How far each reader got. */
  readonly places: number[];
}

/** What everybody has to have got: the first reader to come to a place says what it is, the others compare. */
class Round {
  readonly #expected: number;
  readonly #readers: number;
  /** One for all authors, or one for each where their posts come in no order among each other. */
  readonly #orders: Order[] = [];
  readonly done: Promise<void>;
  #finish: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  deliveries = 0;
  faults = 0;
  verified = 0;

  constructor(readers: number, expected: number) {
    this.#readers = readers;
    this.#expected = expected;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
    this.fail = reject;
    // It may fail before anybody waits.
    promise.catch(() => undefined);
  }

  take(reader: number, statement: Buffer, order = 0): void {
    const { seen, places } = (this.#orders[order] ??= { seen: [], places: [] });
    const place = places[reader] ?? 0;
    places[reader] = place + 1;
    const first = seen[place];
    if (first === undefined) seen[place] = Buffer.from(statement);
    else if (!first.equals(statement)) this.faults++;
    if (++this.deliveries % verifyEvery === 0) this.#verify(statement);
    if (this.deliveries === this.#expected * this.#readers) this.#finish();
  }

  #verify(statement: Buffer): void {
    this.verified++;
    const end = statement.lastIndexOf(".");
    const text = statement.subarray(end + 1).toString();
    const [head = ""] = statement.toString().split(".");
    const { kid } = JSON.parse(Buffer.from(head, "base64url").toString()) as { kid: string };
    const key = keys.get(kid);
    if (key === undefined || !verify(null, statement.subarray(0, end), key, Buffer.from(text, "base64url")))
      this.faults++;
  }
}

const keys = new Map<string, KeyObject>();
let round = new Round(0, 0);
let mesh: WireMesh | undefined;
let sockets: WebSocket[] = [];

const keyOf = (raw: string): KeyObject =>
  createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw }, format: "jwk" });

const commands = {
  /** Claims the mesh and opens a channel that so many members follow. Returns what its authors need. */
  async follow({ origin, secret, readers }: { origin: string; secret: string; readers: number }) {
    mesh = await WireMesh.claim(origin, secret);
    const { operator } = mesh;
    const { channel } = (await operator.request("channel.create", { name: "fan-out", kind: "public" })).channel;
    const identities: TestIdentity[] = [];
    for (let index = 0; index < readers; index++) identities.push(await mesh.admit(`m${index}`));
    for (const [reader, identity] of identities.entries()) {
      const session = await PostSession.open(origin, mesh.mesh, identity);
      sockets.push(session.socket);
      await session.request("channel.join", { channel });
      await session.request("channel.follow", { channels: [{ channel, after: 0 }] });
      session.onBatch = (bytes) => {
        const batch = decodePostBatch(bytes);
        if (!batch.ok) throw new Error(batch.message);
        for (const { statement } of batch.value.posts)
          round.take(reader, Buffer.from(statement.buffer, statement.byteOffset, statement.byteLength));
      };
    }
    return { channel, mesh: mesh.mesh };
  },
  /** Lets an author in. */
  async invite(): Promise<string> {
    return (await mesh?.invite()) ?? "";
  },
  async approve({ pairing, name }: { pairing: string; name: string }): Promise<void> {
    const { request } = (await mesh?.operator.request("pairing.list", {}))?.pending.find(
      (pending) => pending.pairing === pairing,
    ) ?? { request: "" };
    const kid = JSON.parse(Buffer.from(request.split(".")[0] ?? "", "base64url").toString()) as { kid: string };
    const admission = await mesh?.operator.identity.admit(mesh.mesh, kid.kid, { name, kind: "agent" });
    await mesh?.operator.request("pairing.approve", { pairing, admission: admission ?? "" });
  },
  know(devices: readonly { id: string; key: string }[]): void {
    for (const { id, key } of devices) keys.set(id, keyOf(key));
  },
  /** So many readers of the plain server. */
  async listen({ url, readers }: { url: string; readers: number }): Promise<void> {
    for (let reader = 0; reader < readers; reader++) {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      await new Promise((resolve) => socket.once("open", resolve));
      socket.on("message", (data) => round.take(reader, data as Buffer));
      sockets.push(socket);
    }
  },
  /** So many readers of `nats-server`, each with a connection and a subscription of its own. */
  async subscribe({ url, readers }: { url: string; readers: number }): Promise<void> {
    for (let reader = 0; reader < readers; reader++) {
      const connection = await connectNats(url);
      connection.subscribe(allPosts, {
        callback: (error, { data, subject }) => {
          if (error !== null) throw error;
          round.take(reader, Buffer.from(data.buffer, data.byteOffset, data.byteLength), authorOf(subject));
        },
      });
      await connection.flush();
      // One that is cut off for being slow would wait for ever.
      void connection.closed().then((why) => round.fail(why ?? new Error("the connection was closed")));
    }
  },
  expect({ readers, posts }: { readers: number; posts: number }): void {
    round = new Round(readers, posts);
  },
  /** When everybody has everything. */
  async done(): Promise<{ deliveries: number; faults: number; verified: number }> {
    await round.done;
    const { deliveries, faults, verified } = round;
    return { deliveries, faults, verified };
  },
  hangUp(): void {
    for (const socket of sockets) socket.terminate();
    sockets = [];
  },
};

export type PostReadersCommands = typeof commands;
answerCommands(commands);
