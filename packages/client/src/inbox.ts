/**
 * What comes on durable streams: put in order, committed with its cursor, acknowledged after that, and handed to the
 * handler by its sender's lane.
 */
import {
  ChunkJoiner,
  type Clock,
  type InboundPlace,
  InboundStream,
  type Journal,
  type ReceivedEntry,
  type Timer,
} from "@parley/core";
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

import type { DirectIntake } from "./conversations/direct-intake.ts";
import type { InboxLanes } from "./inbox-lanes.ts";
import type { Peer } from "./peer.ts";
import { type FinalRefusal, isRefusable, RefusedBodies } from "./refused-bodies.ts";
import type { WriteAgain } from "./write-again.ts";

/** The device that something comes from, and the way to it. */
export type Source = Pick<
  Peer,
  "device" | "member" | "acknowledge" | "refuse" | "vouch" | "link" | "connected" | "boot"
>;

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
  readonly writes: WriteAgain;
  readonly clock: Clock;
  /** By the registry's clock, ms since 1970. */
  readonly registryTime: () => number;
  /** Whether this device takes its member's messages now. */
  readonly holdsInbox: () => boolean;
  readonly isOwn: (member: string) => boolean;
  /** Whether other devices of this person read the same streams. */
  readonly isShared: () => boolean;
  readonly lanes: InboxLanes;
  readonly messages: Pick<DirectIntake, "refusalOf" | "isSuspect">;
  /** A message was committed: it is remembered, whether or not somebody reads now. */
  readonly onKept: (entry: KeptEntry, source: Source) => void;
  /** Takes what is no message but for the device itself; resolves when that is on disk. */
  readonly onNote: (source: Source, envelope: Envelope) => Promise<void>;
  /** These numbers were committed, each of which came to this device. */
  readonly onCommitted: (source: Source, epoch: string, from: number, to: number) => void;
  /** Messages of a sender will not come. */
  readonly onGap: (source: Source, from: number, to: number) => void;
  readonly onError: (error: unknown) => void;
}

/** A committed message with its place. */
export type KeptEntry = ReceivedEntry & InboundPlace;

interface Range {
  readonly from: number;
  readonly to: number;
}

interface Incoming {
  /** The device as it is known now. */
  source: Source;
  readonly epoch: string;
  readonly stream: InboundStream;
  readonly joiner: ChunkJoiner;
  /** Highest number that is on disk: what may be acknowledged. */
  committed: number;
  /** Highest number that is on disk or on its way there. */
  taken: number;
  /** Number of what was joined last, and of the first envelope of a body that is half here. */
  joined: number;
  bodyStart: number | undefined;
  /** Bytes on their way to disk. */
  pendingBytes: number;
  /** Commits of one stream follow each other: none may pass one that failed. Rejects as the newest does. */
  committing: Promise<void>;
  isCommitting: boolean;
  failed: boolean;
  readonly refused: RefusedBodies;
  /** What came again is being looked up: until then an acknowledgement might pass for a delivery. */
  rechecking: Promise<void>;
  isRechecking: boolean;
  /** Mailbox frames that wait until a hole before them is filled. */
  waiting: Waiting[];
}

interface Waiting {
  readonly seq: number;
  readonly settle: PromiseWithResolvers<void>;
  readonly timer: Timer;
}

/**
 * A hole that is filled from the mailbox is filled within this. After that its rest may lie beyond what the node pushes
 * ahead of an acknowledgement, or was not stored yet: its sender keeps what was acknowledged by no device.
 */
const holeMs = 10_000;
/** What follows a loss in the mailbox comes within this. */
const lossMs = 5000;
/** Bytes of one stream on their way to disk: no sender that keeps the bounds has more under way. */
const mostPendingBytes = limits.unackedBytes + limits.envelopeBytes;
const handledKinds: ReadonlySet<number> = new Set([envelopeKinds.message]);
/** What is for the device itself. */
const notedKinds: ReadonlySet<number> = new Set([envelopeKinds.sync, envelopeKinds.approval, envelopeKinds.agreement]);

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
      // Ahead of the refusal, which lets everything that is not acknowledged go to another instance.
      const taken = this.#incoming.get(`${source.device}:${epoch}`);
      await taken?.committing.catch(() => undefined);
      if (taken !== undefined) this.#acknowledge(taken);
      source.refuse({ type: "refusal", class: "durable", epoch, seq: section.firstSeq, code: "not_holder" });
      throw new ParleyError("not_holder");
    }
    const incoming = this.#stream(source, epoch);
    if (incoming.pendingBytes > mostPendingBytes) throw this.#unkept(incoming, new ParleyError("limit_reached"));
    const before = incoming.stream.received;
    this.#recheck(incoming, section, before);
    if (section.base > before + 1) {
      forgetHalf(incoming);
      if (before > 0) this.#noteGap(incoming, before + 1, section.base - 1);
    }
    let ready = incoming.stream.receive(arrival.redelivered ? marked(section) : section);
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
    await incoming.rechecking;
    incoming.refused.forget(section.base - 1);
    this.#acknowledge(incoming);
    if (arrival.fromMailbox && incoming.committed < upTo) await this.#filled(incoming, upTo);
  }

  #acknowledge(incoming: Incoming): void {
    const { source, epoch, committed, refused } = incoming;
    // Another frame may be slower than the acknowledgement, or lost: what it covers is said with it.
    for (const [seq, code] of refused.upTo(committed)) refuse(incoming, seq, code);
    source.acknowledge({ type: "ack", class: "durable", epoch, seq: committed });
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
    for (const { source, epoch, committed, isCommitting, isRechecking } of this.#incoming.values())
      if (isCommitting && !isRechecking) source.acknowledge({ type: "ack", class: "durable", epoch, seq: committed });
  }

  /** What was refused in an earlier life and comes again is looked up ahead of the acknowledgement that covers it. */
  #recheck(incoming: Incoming, { firstSeq, envelopes }: DataSection, received: number): void {
    const isSuspect = this.#options.messages.isSuspect(incoming.source.member.member);
    const again = envelopes.flatMap((envelope, index) =>
      firstSeq + index <= received && !envelope.more && (isSuspect || isRefusable(envelope))
        ? [{ seq: firstSeq + index, envelope }]
        : [],
    );
    if (again.length === 0) return;
    incoming.isRechecking = true;
    const rechecking = incoming.rechecking.then(async () => {
      for (const { seq, envelope } of again) await incoming.refused.recall(seq, envelope);
    });
    incoming.rechecking = rechecking.catch(this.#options.onError).then(() => {
      incoming.isRechecking = false;
    });
  }

  #take(
    incoming: Incoming,
    ready: readonly { readonly seq: number; readonly envelope: Envelope }[],
    arrival: Arrival,
  ): void {
    const entries: ReceivedEntry[] = [];
    const notes: Envelope[] = [];
    const came: Range[] = [];
    let upTo = incoming.taken;
    for (const { seq, envelope } of ready) {
      // What lies between will not come: nor will the rest of a body.
      if (seq !== incoming.joined + 1) forgetHalf(incoming);
      incoming.joined = seq;
      incoming.bodyStart ??= seq;
      const whole = this.#join(incoming, envelope);
      if (incoming.joiner.isOpen) continue;
      upTo = seq;
      if (this.#sort(incoming, seq, whole, arrival, entries, notes)) addRange(came, incoming.bodyStart, seq);
      incoming.bodyStart = undefined;
    }
    // Settled by the sender before this device was there: nothing to store, only to acknowledge.
    if (ready.length === 0 && incoming.stream.heldCount === 0 && !incoming.joiner.isOpen)
      upTo = Math.max(upTo, incoming.stream.received);
    if (upTo <= incoming.taken) return;
    incoming.taken = upTo;
    incoming.isCommitting = true;
    const before = incoming.committing.catch(() => {});
    const committing = before.then(async () => {
      await this.#note(incoming, notes);
      await this.#commit(incoming, upTo, entries, came);
    });
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
      throw this.#unkept(incoming, toParleyError(error));
    }
  }

  /** On a link nobody sends it again by itself: the sender is asked to, after a pause. */
  #unkept({ source, epoch, committed }: Incoming, error: ParleyError): ParleyError {
    source.refuse({ type: "refusal", class: "durable", epoch, seq: committed + 1, code: error.code });
    return error;
  }

  #filled(incoming: Incoming, seq: number): Promise<void> {
    const settle = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(holeMs, () => {
      incoming.waiting = incoming.waiting.filter((waiting) => waiting.settle !== settle);
      settle.resolve();
    });
    incoming.waiting.push({ seq, settle, timer });
    return settle.promise;
  }

  /** Nothing more is waited for. */
  stop(): void {
    for (const { waiting } of this.#incoming.values()) for (const { timer } of waiting) timer.cancel();
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

  /** Where a whole body belongs. False when there is nothing to vouch for; one that could not be joined is undefined. */
  #sort(
    incoming: Incoming,
    seq: number,
    envelope: Envelope | undefined,
    arrival: Arrival,
    entries: ReceivedEntry[],
    notes: Envelope[],
  ): boolean {
    const end = (code: FinalRefusal): false => {
      incoming.refused.add(seq, code);
      if (envelope !== undefined) entries.push(this.#entry(seq, { ...envelope, body: new Uint8Array() }, arrival));
      return false;
    };
    if (envelope === undefined) return end("too_large");
    const { kind, critical, created, ttl, body } = envelope;
    if (notedKinds.has(kind)) {
      const isTaken = kind !== envelopeKinds.sync || this.#options.isOwn(incoming.source.member.member);
      if (isTaken) notes.push({ ...envelope, body: body.slice() });
      return true;
    }
    // A void stands for what its sender withdrew: nobody vouches for that either.
    if (kind === envelopeKinds.void) return false;
    if (!handledKinds.has(kind)) return critical && envelopeKindOf(kind) === undefined ? end("unsupported_kind") : true;
    if (ttl > 0 && created + ttl <= this.#options.registryTime()) return end("expired");
    const refusal = this.#options.messages.refusalOf(incoming.source.member, envelope);
    if (refusal !== undefined) return end(refusal);
    incoming.pendingBytes += body.length;
    entries.push(this.#entry(seq, { ...envelope, body: body.slice() }, arrival));
    return true;
  }

  #entry(seq: number, envelope: Envelope, { path }: Arrival): ReceivedEntry {
    return {
      seq,
      receivedAt: this.#options.clock.now(),
      path,
      redelivered: envelope.redelivered === true,
      envelope,
    };
  }

  async #note(incoming: Incoming, notes: readonly Envelope[]): Promise<void> {
    if (incoming.failed) throw new ParleyError("storage_unavailable");
    try {
      for (const envelope of notes) await this.#options.onNote(incoming.source, envelope);
    } catch (error) {
      this.#fail(incoming, toParleyError(error));
      throw error;
    }
  }

  async #commit(
    incoming: Incoming,
    upTo: number,
    entries: readonly ReceivedEntry[],
    came: readonly Range[],
  ): Promise<void> {
    const { source, epoch } = incoming;
    const { journal, lanes, onCommitted, onKept } = this.#options;
    const stream = { sender: source.member.member, device: source.device, epoch };
    if (incoming.failed) throw new ParleyError("storage_unavailable");
    let known: readonly number[];
    try {
      known = await journal.commitInbox(stream, upTo, entries);
    } catch (error) {
      const refused = toParleyError(error);
      if (refused.code !== "conflict") {
        this.#fail(incoming, refused);
        throw refused;
      }
      // The disk remembers what memory had to forget: all of this was committed before.
      known = entries.map(({ seq }) => seq);
    }
    incoming.committed = Math.max(incoming.committed, upTo);
    for (const { envelope } of entries) incoming.pendingBytes -= envelope.body.length;
    for (const { from, to } of came) onCommitted(source, epoch, from, to);
    const cameBefore = known.length === 0 ? undefined : new Set(known);
    for (const entry of entries) {
      if (incoming.refused.settle(entry.seq)) continue;
      if (cameBefore?.has(entry.seq) === true) continue;
      onKept({ ...entry, ...stream }, source);
      lanes.offer({ ...entry, ...stream, redelivered: entry.redelivered === true });
    }
    const { waiting, committed } = incoming;
    incoming.waiting = waiting.filter(({ seq }) => seq > committed);
    for (const { seq, settle, timer } of waiting) {
      if (seq > committed) continue;
      timer.cancel();
      settle.resolve();
    }
  }

  /** Nothing of it was kept: starts again from what is on disk, and lets the sender send it once more. */
  #fail(incoming: Incoming, error: ParleyError): void {
    const key = `${incoming.source.device}:${incoming.epoch}`;
    incoming.failed = true;
    this.#incoming.delete(key);
    this.#committed.set(key, incoming.committed);
    for (const { settle, timer } of incoming.waiting.splice(0)) {
      timer.cancel();
      settle.reject(error);
    }
  }

  #stream(source: Source, epoch: string): Incoming {
    const key = `${source.device}:${epoch}`;
    const known = this.#incoming.get(key);
    if (known !== undefined) {
      known.source = source;
      return known;
    }
    const { journal, writes, clock } = this.#options;
    const received = this.#committed.get(key) ?? 0;
    if (this.#incoming.size >= limits.inboundStreams) this.#forgetOldest();
    const incoming: Incoming = {
      source,
      epoch,
      stream: new InboundStream({ received }),
      joiner: new ChunkJoiner(),
      committed: received,
      taken: received,
      joined: received,
      bodyStart: undefined,
      pendingBytes: 0,
      committing: Promise.resolve(),
      isCommitting: false,
      failed: false,
      refused: new RefusedBodies(
        { journal, writes, now: () => clock.now() },
        { sender: source.member.member, device: source.device, epoch },
      ),
      rechecking: Promise.resolve(),
      isRechecking: false,
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

/** What the node says of a frame holds for all in it, also for what is kept until what is missing has come. */
function marked(section: DataSection): DataSection {
  return { ...section, envelopes: section.envelopes.map((envelope) => ({ ...envelope, redelivered: true })) };
}

function refuse({ source, epoch }: Incoming, seq: number, code: FinalRefusal): void {
  source.refuse({ type: "refusal", class: "durable", epoch, seq, code });
}

/** A body whose rest will not come. */
function forgetHalf(incoming: Incoming): void {
  incoming.joiner.reset();
  incoming.bodyStart = undefined;
}

function addRange(ranges: Range[], from: number, to: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.to + 1 === from) ranges[ranges.length - 1] = { from: last.from, to };
  else ranges.push({ from, to });
}
