/**
 * What comes on durable streams: put in order, committed with its cursor, acknowledged after that, and handed to the
 * handler by its sender's lane.
 */
import { ChunkJoiner, type Clock, InboundStream, type Journal, type ReceivedEntry } from "@parley/core";
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

import type { InboxLanes } from "./inbox-lanes.ts";
import type { Peer } from "./peer.ts";

/** The device that something comes from. */
export type Source = Pick<Peer, "device" | "member" | "acknowledge" | "refuse" | "vouch">;

/** How a section came. */
export interface Arrival {
  readonly path: Path;
  /** It may have been handed to another instance before. */
  readonly redelivered: boolean;
  /** It leaves the mailbox when the promise resolves: what is only held in memory must not. */
  readonly fromMailbox: boolean;
}

export interface InboxOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** By the registry's clock, ms since 1970. */
  readonly registryTime: () => number;
  /** Whether this device takes its member's messages now. */
  readonly holdsInbox: () => boolean;
  /** Whether other devices of this person read the same streams. */
  readonly isShared: () => boolean;
  readonly lanes: InboxLanes;
  /** These numbers were committed, each of which came to this device. */
  readonly onCommitted: (source: Source, epoch: string, from: number, to: number) => void;
  /** Messages of a sender will not come. */
  readonly onGap: (source: Source, from: number, to: number) => void;
  readonly onError: (error: unknown) => void;
}

interface Incoming {
  readonly source: Source;
  readonly epoch: string;
  readonly stream: InboundStream;
  readonly joiner: ChunkJoiner;
  /** Highest number that is on disk: what may be acknowledged. */
  committed: number;
  /** Highest number that is on disk or on its way there. */
  taken: number;
  /** First number of what came in a row and is not on its way to disk. */
  runStart: number | undefined;
  /** Commits of one stream follow each other: none may pass one that failed. Rejects as the newest does. */
  committing: Promise<void>;
  isCommitting: boolean;
  failed: boolean;
  /** Mailbox frames that wait until a hole before them is filled. */
  waiting: { readonly seq: number; readonly settle: PromiseWithResolvers<void> }[];
}

/** What follows a loss in the mailbox comes within this. */
const lossMs = 5000;
const handledKinds: ReadonlySet<number> = new Set([envelopeKinds.message]);

export class Inbox {
  readonly #options: InboxOptions;
  readonly #incoming = new Map<string, Incoming>();
  /** Where a stream stands that is not in memory: from the last start, or from before a commit that failed. */
  readonly #committed: Map<string, number>;
  /** The mailbox lost frames just before this monotonic time: nobody may be left to fill a hole in a shared stream. */
  #lostUntil = 0;

  constructor(options: InboxOptions, cursors: readonly { device: string; epoch: string; seq: number }[]) {
    this.#options = options;
    this.#committed = new Map(cursors.map(({ device, epoch, seq }) => [`${device}:${epoch}`, seq]));
  }

  /** Takes a durable data section; resolves when what it completed is on disk, or rejects when that failed. */
  async receive(source: Source, section: DataSection, arrival: Arrival): Promise<void> {
    const { epoch } = section;
    if (!this.#options.holdsInbox()) {
      source.refuse({ type: "refusal", class: "durable", epoch, seq: section.firstSeq, code: "not_holder" });
      throw new ParleyError("not_holder");
    }
    const incoming = this.#stream(source, epoch);
    const before = incoming.stream.received;
    if (section.base > before + 1 && before > 0) this.#noteGap(incoming, before + 1, section.base - 1);
    let ready = incoming.stream.receive(section);
    const upTo = section.firstSeq + section.envelopes.length - 1;
    if (this.#maySkip(incoming, arrival)) {
      const missing = incoming.stream.received + 1;
      const held = incoming.stream.skipHole();
      const [first] = held;
      if (first !== undefined) this.#noteGap(incoming, missing, first.seq - 1);
      ready = [...ready, ...held];
    }
    this.#take(incoming, ready, arrival);
    // What came before and is on its way to disk is acknowledged when it is there.
    await this.#committedBy(incoming);
    source.acknowledge({ type: "ack", class: "durable", epoch, seq: incoming.committed });
    if (arrival.fromMailbox && incoming.committed < upTo) await this.#filled(incoming, upTo);
  }

  /** The mailbox lost frames before this device had them. */
  noteLoss(): void {
    this.#lostUntil = this.#options.clock.monotonic() + lossMs;
    if (!this.#options.isShared()) return;
    for (const incoming of this.#incoming.values()) {
      const missing = incoming.stream.received + 1;
      const held = incoming.stream.skipHole();
      const [first] = held;
      if (first === undefined) continue;
      this.#noteGap(incoming, missing, first.seq - 1);
      this.#take(incoming, held, { path: "mailbox", redelivered: false, fromMailbox: true });
    }
  }

  /** Something is on its way to disk. */
  get isBusy(): boolean {
    for (const { isCommitting } of this.#incoming.values()) if (isCommitting) return true;
    return false;
  }

  /** Says again where streams stand whose commits take their time, so that nobody takes this device for gone. */
  answerBusy(): void {
    for (const { source, epoch, committed, isCommitting } of this.#incoming.values())
      if (isCommitting) source.acknowledge({ type: "ack", class: "durable", epoch, seq: committed });
  }

  #take(
    incoming: Incoming,
    ready: readonly { readonly seq: number; readonly envelope: Envelope }[],
    arrival: Arrival,
  ): void {
    const entries: ReceivedEntry[] = [];
    let upTo = incoming.taken;
    let runEnd = incoming.taken;
    for (const { seq, envelope } of ready) {
      incoming.runStart ??= seq;
      const whole = this.#join(incoming, envelope);
      if (incoming.joiner.isOpen) continue;
      upTo = seq;
      runEnd = seq;
      if (whole !== undefined) this.#sort(incoming, seq, whole, arrival, entries);
    }
    // Settled by the sender before this device was there: nothing to store, only to acknowledge.
    if (ready.length === 0 && incoming.stream.heldCount === 0 && !incoming.joiner.isOpen)
      upTo = Math.max(upTo, incoming.stream.received);
    if (upTo <= incoming.taken) return;
    const run = incoming.runStart === undefined ? undefined : { from: incoming.runStart, to: runEnd };
    incoming.runStart = undefined;
    incoming.taken = upTo;
    incoming.isCommitting = true;
    const before = incoming.committing.catch(() => {});
    const committing = before.then(() => this.#commit(incoming, upTo, entries, run));
    incoming.committing = committing;
    void this.#rest(incoming, committing);
  }

  async #rest(incoming: Incoming, committing: Promise<void>): Promise<void> {
    await committing.catch(() => {});
    if (incoming.committing === committing) incoming.isCommitting = false;
  }

  async #committedBy(incoming: Incoming): Promise<void> {
    try {
      await incoming.committing;
    } catch (error) {
      const { code } = toParleyError(error);
      // On a link nobody sends it again by itself: the sender is asked to, after a pause.
      const seq = incoming.committed + 1;
      incoming.source.refuse({ type: "refusal", class: "durable", epoch: incoming.epoch, seq, code });
      throw error;
    }
  }

  #filled(incoming: Incoming, seq: number): Promise<void> {
    const settle = Promise.withResolvers<void>();
    incoming.waiting.push({ seq, settle });
    return settle.promise;
  }

  #maySkip(incoming: Incoming, arrival: Arrival): boolean {
    const { clock, isShared } = this.#options;
    return arrival.fromMailbox && incoming.stream.heldCount > 0 && isShared() && clock.monotonic() < this.#lostUntil;
  }

  #noteGap(incoming: Incoming, from: number, to: number): void {
    if (this.#options.isShared()) this.#options.onGap(incoming.source, from, to);
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

  #sort(incoming: Incoming, seq: number, envelope: Envelope, arrival: Arrival, entries: ReceivedEntry[]): void {
    const { source, epoch } = incoming;
    const refuse = (code: "unsupported_kind" | "expired"): void =>
      source.refuse({ type: "refusal", class: "durable", epoch, seq, code });
    if (handledKinds.has(envelope.kind)) {
      if (envelope.ttl > 0 && envelope.created + envelope.ttl <= this.#options.registryTime()) return refuse("expired");
      entries.push({
        seq,
        receivedAt: this.#options.clock.now(),
        path: arrival.path,
        redelivered: arrival.redelivered || envelope.redelivered === true,
        envelope: { ...envelope, body: envelope.body.slice() },
      });
    } else if (envelope.critical && envelopeKindOf(envelope.kind) === undefined) refuse("unsupported_kind");
  }

  async #commit(
    incoming: Incoming,
    upTo: number,
    entries: readonly ReceivedEntry[],
    run: { readonly from: number; readonly to: number } | undefined,
  ): Promise<void> {
    const { source, epoch } = incoming;
    const { journal, lanes, onCommitted } = this.#options;
    const stream = { sender: source.member.member, device: source.device, epoch };
    if (incoming.failed) throw new ParleyError("storage_unavailable");
    let known: readonly number[];
    try {
      known = await journal.commitInbox(stream, upTo, entries);
    } catch (error) {
      this.#fail(incoming, toParleyError(error));
      throw toParleyError(error);
    }
    incoming.committed = Math.max(incoming.committed, upTo);
    if (run !== undefined) onCommitted(source, epoch, run.from, run.to);
    for (const entry of entries)
      if (!known.includes(entry.seq))
        lanes.offer({ ...entry, ...stream, redelivered: entry.redelivered === true }, source);
    while ((incoming.waiting[0]?.seq ?? Infinity) <= incoming.committed) incoming.waiting.shift()?.settle.resolve();
  }

  /** Nothing of it was kept: starts again from what is on disk, and lets the sender send it once more. */
  #fail(incoming: Incoming, error: ParleyError): void {
    const key = `${incoming.source.device}:${incoming.epoch}`;
    incoming.failed = true;
    this.#incoming.delete(key);
    this.#committed.set(key, incoming.committed);
    for (const { settle } of incoming.waiting.splice(0)) settle.reject(error);
  }

  #stream(source: Source, epoch: string): Incoming {
    const key = `${source.device}:${epoch}`;
    const known = this.#incoming.get(key);
    if (known !== undefined) return known;
    const received = this.#committed.get(key) ?? 0;
    if (this.#incoming.size >= limits.inboundStreams) this.#forgetOldest();
    const incoming: Incoming = {
      source,
      epoch,
      stream: new InboundStream({ received }),
      joiner: new ChunkJoiner(),
      committed: received,
      taken: received,
      runStart: undefined,
      committing: Promise.resolve(),
      isCommitting: false,
      failed: false,
      waiting: [],
    };
    this.#incoming.set(key, incoming);
    return incoming;
  }

  /** Where it stood is kept: what its sender sends again is no news. */
  #forgetOldest(): void {
    for (const [key, { committed, isCommitting, waiting }] of this.#incoming) {
      if (isCommitting || waiting.length > 0) continue;
      this.#incoming.delete(key);
      if (this.#committed.size >= limits.inboundStreams)
        this.#committed.delete(this.#committed.keys().next().value ?? "");
      this.#committed.set(key, committed);
      return;
    }
  }
}
