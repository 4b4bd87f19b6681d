/**
 * What comes on durable streams: put in order, committed with its cursor, acknowledged after that, handed to a handler
 * one at a time per sender, and forgotten when the handler returned.
 */
import { ChunkJoiner, InboundStream, type InboxEntry, type Journal } from "@parley/core";
import {
  type DataSection,
  type Envelope,
  envelopeKindOf,
  envelopeKinds,
  limits,
  ParleyError,
  type Path,
  toParleyError,
} from "@parley/protocol";

import type { Peer } from "./peer.ts";

/** The device that something comes from. */
export type Source = Pick<Peer, "device" | "member" | "acknowledge" | "refuse">;

export interface InboxOptions {
  readonly journal: Journal;
  readonly now: () => number;
  /**
   * Hands one committed message to the program; resolves when the handler returned, with `gone` when the handler left
   * before it had the message, which stays for the next one.
   */
  readonly handle: (entry: InboxEntry, path: Path | undefined) => Promise<"gone" | void>;
  readonly onError: (error: unknown) => void;
}

interface Incoming {
  readonly stream: InboundStream;
  readonly joiner: ChunkJoiner;
  /** Highest number that is on disk: what may be acknowledged. */
  committed: number;
  /** Highest number that is on disk or on its way there. */
  taken: number;
  /** Commits of one stream follow each other: none may pass one that failed. Rejects as the newest does. */
  committing: Promise<void>;
  failed: boolean;
}

interface Waiting {
  readonly entry: InboxEntry;
  readonly path: Path | undefined;
}

/** Messages of one sender that wait for their turn. */
interface Lane {
  readonly waiting: Waiting[];
  running: boolean;
}

const handledKinds: ReadonlySet<number> = new Set([envelopeKinds.message]);
const mostStreams = 4096;

export class Inbox {
  readonly #options: InboxOptions;
  readonly #incoming = new Map<string, Incoming>();
  /** Where a stream stands that is not in memory: from the last start, or from before a commit that failed. */
  readonly #committed: Map<string, number>;
  readonly #lanes = new Map<string, Lane>();
  #reading = false;
  #wasRead = false;

  constructor(options: InboxOptions, cursors: readonly { device: string; epoch: string; seq: number }[]) {
    this.#options = options;
    this.#committed = new Map(cursors.map(({ device, epoch, seq }) => [`${device}:${epoch}`, seq]));
  }

  /** Whether somebody has listened in this life of the process. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  /** Somebody listens from now on: what waited is handed out first. */
  read(left: readonly InboxEntry[]): void {
    this.#reading = true;
    this.#wasRead = true;
    const later = [...this.#lanes.values()].flatMap(({ waiting }) => waiting.splice(0));
    for (const entry of left) this.#lane(entry.sender).waiting.push({ entry, path: undefined });
    for (const waiting of later) this.#lane(waiting.entry.sender).waiting.push(waiting);
    for (const sender of this.#lanes.keys()) void this.#run(sender);
  }

  /** Nobody listens any more: what comes, and what was not handed out yet, stays in the inbox. */
  pause(): void {
    this.#reading = false;
  }

  /** Takes a durable data section; resolves when what it completed is on disk, or rejects when that failed. */
  async receive(peer: Source, section: DataSection, path: Path): Promise<void> {
    const incoming = this.#stream(peer, section.epoch);
    const ready = incoming.stream.receive(section);
    const entries: { seq: number; receivedAt: number; envelope: Envelope }[] = [];
    let upTo = incoming.taken;
    for (const { seq, envelope } of ready) {
      const whole = this.#join(incoming, envelope);
      if (incoming.joiner.isOpen) continue;
      upTo = seq;
      if (whole !== undefined) this.#sort(peer, section.epoch, seq, whole, entries);
    }
    // Settled by the sender before this device was there: nothing to store, only to acknowledge.
    if (ready.length === 0 && incoming.stream.heldCount === 0 && !incoming.joiner.isOpen)
      upTo = Math.max(upTo, incoming.stream.received);
    if (upTo > incoming.taken) {
      incoming.taken = upTo;
      const before = incoming.committing.catch(() => {});
      incoming.committing = before.then(() => this.#commit(peer, section.epoch, incoming, upTo, entries, path));
    }
    // What came before and is on its way to disk is acknowledged when it is there.
    await incoming.committing;
    peer.acknowledge({ type: "ack", class: "durable", epoch: section.epoch, seq: incoming.committed });
  }

  #join(incoming: Incoming, envelope: Envelope): Envelope | undefined {
    try {
      const body = incoming.joiner.take(envelope);
      return body === undefined ? undefined : { ...envelope, more: false, body };
    } catch (error) {
      this.#options.onError(error);
      return undefined;
    }
  }

  #sort(
    peer: Source,
    epoch: string,
    seq: number,
    envelope: Envelope,
    entries: { seq: number; receivedAt: number; envelope: Envelope }[],
  ): void {
    if (handledKinds.has(envelope.kind)) {
      entries.push({ seq, receivedAt: this.#options.now(), envelope: { ...envelope, body: envelope.body.slice() } });
    } else if (envelope.critical && envelopeKindOf(envelope.kind) === undefined) {
      peer.refuse({ type: "refusal", class: "durable", epoch, seq, code: "unsupported_kind" });
    }
  }

  async #commit(
    peer: Source,
    epoch: string,
    incoming: Incoming,
    upTo: number,
    entries: readonly { seq: number; receivedAt: number; envelope: Envelope }[],
    path: Path,
  ): Promise<void> {
    const stream = { sender: peer.member.member, device: peer.device, epoch };
    if (incoming.failed) throw new ParleyError("storage_unavailable");
    try {
      await this.#options.journal.commitInbox(stream, upTo, entries);
    } catch (error) {
      // Nothing of it was kept: start again from what is on disk, and let the sender send it once more.
      incoming.failed = true;
      this.#incoming.delete(`${peer.device}:${epoch}`);
      this.#committed.set(`${peer.device}:${epoch}`, incoming.committed);
      throw toParleyError(error);
    }
    incoming.committed = Math.max(incoming.committed, upTo);
    for (const entry of entries) this.#offer({ ...entry, ...stream, redelivered: false }, path);
  }

  #stream(peer: Source, epoch: string): Incoming {
    const key = `${peer.device}:${epoch}`;
    const known = this.#incoming.get(key);
    if (known !== undefined) return known;
    const received = this.#committed.get(key) ?? 0;
    if (this.#incoming.size >= mostStreams) this.#forgetOldest();
    const incoming = {
      stream: new InboundStream({ received }),
      joiner: new ChunkJoiner(),
      committed: received,
      taken: received,
      committing: Promise.resolve(),
      failed: false,
    };
    this.#incoming.set(key, incoming);
    return incoming;
  }

  /** Where it stood is kept: what its sender sends again is no news. */
  #forgetOldest(): void {
    const [oldest] = this.#incoming;
    if (oldest === undefined) return;
    const [key, { committed }] = oldest;
    this.#incoming.delete(key);
    if (this.#committed.size >= limits.inboundStreams)
      this.#committed.delete(this.#committed.keys().next().value ?? "");
    this.#committed.set(key, committed);
  }

  #offer(entry: InboxEntry, path: Path): void {
    this.#lane(entry.sender).waiting.push({ entry, path });
    void this.#run(entry.sender);
  }

  #lane(sender: string): Lane {
    const known = this.#lanes.get(sender);
    if (known !== undefined) return known;
    const lane: Lane = { waiting: [], running: false };
    this.#lanes.set(sender, lane);
    return lane;
  }

  /** Hands out what a sender's lane holds, one after the other, while somebody listens. */
  async #run(sender: string): Promise<void> {
    const lane = this.#lane(sender);
    if (lane.running) return;
    lane.running = true;
    while (this.#reading) {
      const next = lane.waiting.shift();
      if (next === undefined) break;
      if (!(await this.#handle(next))) lane.waiting.unshift({ ...next, entry: { ...next.entry, redelivered: true } });
    }
    lane.running = false;
    if (lane.waiting.length === 0) this.#lanes.delete(sender);
  }

  /** False when the handler left before it had the message. */
  async #handle({ entry, path }: Waiting): Promise<boolean> {
    try {
      if ((await this.#options.handle(entry, path)) === "gone") return false;
    } catch (error) {
      // A handler that throws has handled it: the same message would make it throw again.
      this.#options.onError(error);
    }
    const { sender, device, epoch, seq } = entry;
    // Not awaited, so that the settlements of many messages share one commit.
    this.#options.journal.settleInbox({ sender, device, epoch, seq }).catch(this.#options.onError);
    return true;
  }
}
