/**
 * A durable stream towards one member: on disk before it is accepted, carried by links to the devices that take it and
 * through the mailbox, and kept until nobody needs it from here any more.
 *
 * Custody: an envelope leaves the outbox when a device of the recipient has acknowledged it and, for a person with several
 * devices, each of them has acknowledged it or it is in the mailbox, from where the others take it. `stored` alone never
 * ends custody.
 */
import { type Journal, OutboundStream, type StreamPosition, type VerifiedMember } from "@parley/core";
import { splitBody } from "@parley/core";
import {
  type Envelope,
  envelopeId,
  envelopeKinds,
  type FrameWriter,
  isEndState,
  isRetryable,
  limits,
  ParleyError,
  type Path,
  type ReceiptState,
  toParleyError,
} from "@parley/protocol";

import { type DeliveryFacts, DeliveryLedger, type EndState } from "./delivery-ledger.ts";
import type { AllowedPaths, Delivery, DeliveryState, Sent } from "./delivery.ts";
import { MailboxLane } from "./mailbox-lane.ts";
import type { MemberView } from "./member-view.ts";
import { allowsLinks } from "./path-rules.ts";
import type { Peer } from "./peer.ts";
import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";
import { takersOf } from "./takers.ts";
import type { WriteAgain } from "./write-again.ts";

export interface DurableStreamOptions {
  /** Under which the journal keeps it: the member, or the member and a rule of paths. */
  readonly key: string;
  readonly member: string;
  /** Paths that may be used. Default: all. */
  readonly paths?: AllowedPaths | undefined;
  readonly epoch: string;
  /** Highest number ever given under this key. */
  readonly lastSeq: number;
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly session: Pick<Session, "isOpen" | "registryTime">;
  readonly relay: () => Pick<Relay, "send">;
  /** The recipient's verified record, fresh enough to seal to. */
  readonly recipient: () => Promise<VerifiedMember>;
  /** The recipient as last heard of: its devices, who is here, who holds the inbox. */
  readonly view: () => MemberView | undefined;
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly soon: (run: () => void) => void;
  /** Why something takes the path that it takes. */
  readonly reason: (path: Path) => string | undefined;
  readonly onDelivery: (delivery: Delivery) => void;
  readonly onError: (error: unknown) => void;
}

/** The way over one device's link, or past the mailbox to a device that is connected. */
interface Lane {
  readonly peer: Carrier;
  readonly position: StreamPosition;
  /** Monotonic time before which nothing more goes: the device asked for a pause. */
  notBefore: number;
  pauseMs: number;
  /** Monotonic time of the last thing that moved. */
  movedAt: number;
}

/** A device that may carry the stream. */
export type Carrier = Pick<Peer, "device" | "flush"> & {
  readonly link: { readonly path: Path } | undefined;
  readonly connected: boolean;
};

/** A caller who waits for room: goes on, or learns that this device stopped. */
interface Waiter {
  readonly goOn: () => void;
  readonly stop: () => void;
}

/** A body that has its numbers and is being written. */
interface Entering {
  readonly firstSeq: number;
  readonly started: number;
  readonly entered: Promise<void>;
}

/** What is left unanswered goes again after this; then after twice as long. */
const firstRetryMs = 5000;
const mostRetryMs = 300_000;
/** Pause after a device said that it has no room; then twice as long. */
const firstPauseMs = 500;
const mostPauseMs = 30_000;
const voidEnvelope = (created: number): Envelope => ({
  kind: envelopeKinds.void,
  critical: false,
  more: false,
  created,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
  body: new Uint8Array(),
});

/** It ended before the last start, which only did not come to take it out. */
const isOver = (state: DeliveryState | undefined): state is DeliveryState => state !== undefined && isEndState(state);

export class DurableStream {
  readonly member: string;
  readonly stream: OutboundStream;
  readonly #options: DurableStreamOptions;
  readonly #ledger: DeliveryLedger;
  readonly #mailbox: MailboxLane;
  readonly #peers = new Map<string, Carrier>();
  readonly #lanes = new Map<string, Lane>();
  /** Highest number that each device acknowledged in this life of the process. */
  readonly #acked = new Map<string, number>();
  /** Callers who found no room, in the order in which they came. */
  #waiting: Waiter[] = [];
  #nextSeq: number;
  /** Bodies enter the stream one after the other. */
  #entering: Promise<void> = Promise.resolve();
  /** Envelopes and bytes that are being written and will enter: they take up room already. */
  #entrants = 0;
  #entrantBytes = 0;
  /** The instance of an agent that this stream goes to. */
  #handedTo: string | undefined;
  /** Everything up to here was accepted by an earlier start, and not marked yet as what another instance may have had. */
  #leftUpTo: number;
  #quietSince: number | undefined;
  #retryMs = firstRetryMs;
  #stopped = false;
  #isLearning = false;
  /** The recipient's record cannot be had now: what is tried says why. */
  #isUnknowable = false;

  constructor(
    options: DurableStreamOptions,
    leftover: readonly { seq: number; envelope: Envelope; state?: DeliveryState }[],
  ) {
    this.#options = options;
    this.member = options.member;
    const first = leftover[0]?.seq ?? options.lastSeq + 1;
    // The beginning of a body whose end was never written: nobody accepted it.
    const waiting = leftover.slice(0, leftover.findLastIndex(({ envelope }) => !envelope.more) + 1);
    for (const { seq } of leftover.slice(waiting.length)) this.#drop(seq);
    this.stream = new OutboundStream({ class: "durable", epoch: options.epoch, nextSeq: first });
    // What was dropped left a hole, which a void fills so that the order holds.
    const bySeq = new Map(waiting.map(({ seq, envelope, state }) => [seq, isOver(state) ? undefined : envelope]));
    for (let seq = first; seq <= options.lastSeq; seq++)
      this.stream.push(bySeq.get(seq) ?? voidEnvelope(options.now()));
    this.#nextSeq = Math.max(options.lastSeq + 1, first);
    this.#leftUpTo = this.#nextSeq - 1;
    this.#ledger = this.#makeLedger();
    this.#mailbox = this.#makeMailbox();
    this.#followLeftover(waiting);
  }

  /** A device of the member came in sight, or its link opened, was replaced or closed: what it carried goes again. */
  meet(peer: Carrier): void {
    this.#peers.set(peer.device, peer);
    if (peer.link === undefined) this.#dropLane(peer.device);
    else this.#lanes.delete(peer.device);
    this.refit();
  }

  forget(peer: Carrier): void {
    this.#peers.delete(peer.device);
    this.refit();
  }

  /** Who takes this stream may have changed: with a link, with presence, with the member's devices. */
  refit(): void {
    const wanted = this.#carriers();
    for (const device of this.#lanes.keys()) if (!wanted.has(device)) this.#dropLane(device);
    for (const [device, peer] of wanted)
      if (this.#lanes.get(device)?.peer !== peer) this.#lanes.set(device, this.#lane(peer));
    this.#noteTaker();
    this.#settleTaken();
    this.flush();
  }

  /** A new session: frames without a result may not have been stored. */
  onSession(): void {
    for (const lane of this.#lanes.values()) if (lane.peer.link === undefined) lane.position.next = this.stream.base;
    this.#isUnknowable = false;
    this.#mailbox.resume();
    this.flush();
  }

  /** Accepts one body: resolves when it is on disk. Waits for room while the stream is full, until `signal` aborts. */
  async accept(head: Omit<Envelope, "body" | "more">, body: Uint8Array, signal?: AbortSignal): Promise<Sent> {
    const envelopes = splitBody(head, body);
    if (this.#stopped) throw new ParleyError("closed");
    const take = (): Entering => this.#take(envelopes, body.length);
    const isNext = this.#waiting.length === 0 && this.#hasRoom;
    const { firstSeq, started, entered } = isNext ? take() : await this.#inTurn(take, signal);
    await entered;
    return this.#follow(firstSeq, firstSeq + envelopes.length - 1, head, started);
  }

  /** Gives a body its numbers and writes it. */
  #take(envelopes: readonly Envelope[], bytes: number): Entering {
    const started = this.#options.monotonic();
    const at = this.#options.now();
    const firstSeq = this.#nextSeq;
    this.#nextSeq += envelopes.length;
    this.#entrants += envelopes.length;
    this.#entrantBytes += bytes;
    const { journal, key, epoch } = this.#options;
    const written = Promise.allSettled(
      envelopes.map((envelope, index) =>
        journal.appendOutbox({ recipient: key, seq: firstSeq + index, epoch, at, envelope }),
      ),
    );
    const entered = this.#entering.then(async () => {
      const results = await written;
      this.#entrants -= envelopes.length;
      this.#entrantBytes -= bytes;
      this.#enter(firstSeq, envelopes, results);
    });
    this.#entering = entered.catch(() => {});
    return { firstSeq, started, entered };
  }

  get #hasRoom(): boolean {
    return (
      this.stream.unackedCount + this.#entrants < limits.unackedEnvelopes &&
      this.stream.unackedBytes + this.#entrantBytes < limits.unackedBytes
    );
  }

  /** Begins when there is room and nobody waits who came before. */
  #inTurn(take: () => Entering, signal: AbortSignal | undefined): Promise<Entering> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        signal?.removeEventListener("abort", onAbort);
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
      };
      const onAbort = (): void => {
        done();
        reject(signal?.reason instanceof Error ? signal.reason : new ParleyError("canceled"));
      };
      const waiter: Waiter = {
        goOn: () => {
          done();
          resolve(take());
        },
        stop: () => {
          done();
          reject(new ParleyError("closed"));
        },
      };
      this.#waiting.push(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  #wakeWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom; next = this.#waiting[0]) next.goOn();
  }

  /**
   * Disk first, then the stream, whole or not at all. A number whose write failed is a void once a higher one is on
   * disk; until then it is given again, because the next start would give it again too.
   */
  #enter(firstSeq: number, envelopes: readonly Envelope[], written: readonly PromiseSettledResult<void>[]): void {
    const failed = written.find((result) => result.status === "rejected");
    const onDisk =
      failed === undefined ? envelopes.length : written.findLastIndex((result) => result.status === "fulfilled") + 1;
    if (onDisk > 0) while (this.stream.nextSeq < firstSeq) this.stream.push(voidEnvelope(this.#options.now()));
    for (const [index, envelope] of envelopes.slice(0, onDisk).entries()) {
      this.stream.push(failed === undefined ? envelope : voidEnvelope(envelope.created));
      if (failed !== undefined && written[index]?.status === "fulfilled") this.#drop(firstSeq + index);
    }
    if (onDisk > 0) this.flush();
    if (failed === undefined) return;
    if (this.#nextSeq === firstSeq + envelopes.length) this.#nextSeq = this.stream.nextSeq;
    this.#wakeWaiting();
    throw toParleyError(failed.reason);
  }

  #drop(seq: number): void {
    const { journal, key, writes } = this.#options;
    writes.run(() => journal.dropOutbox(key, seq));
  }

  #follow(firstSeq: number, seq: number, head: Omit<Envelope, "body" | "more">, started: number): Sent {
    const id = envelopeId(this.stream.epoch, seq);
    const expires = head.ttl > 0 ? started + head.ttl : Infinity;
    const entry = this.#ledger.accept({ id, firstSeq, seq, started, expires });
    const sent = this.#ledger.announce(entry);
    // The acknowledgement may have come before this line.
    if (seq < this.stream.base) this.#ledger.advance(seq, seq, "delivered", { path: this.#pathTo(undefined) });
    return sent;
  }

  /** Expiry and acknowledgement of what an earlier start accepted are told as for anything else. */
  #followLeftover(waiting: readonly { seq: number; envelope: Envelope; state?: DeliveryState }[]): void {
    const { monotonic, session } = this.#options;
    let firstSeq: number | undefined;
    for (const { seq, envelope, state } of waiting) {
      firstSeq ??= seq;
      if (envelope.more) continue;
      const { origin, created, ttl } = envelope;
      const id = envelopeId(origin?.epoch ?? this.stream.epoch, origin?.seq ?? seq);
      if (isOver(state)) {
        // The earlier start may have ended before it told anybody.
        this.#ledger.tell(id, state);
        for (let each = firstSeq; each <= seq; each++) this.#drop(each);
        firstSeq = undefined;
        continue;
      }
      const left = ttl > 0 ? created + ttl - session.registryTime : Infinity;
      this.#ledger.accept({
        id,
        firstSeq,
        seq,
        started: monotonic(),
        expires: monotonic() + left,
        ...(state === undefined ? {} : { state }),
      });
      firstSeq = undefined;
    }
  }

  /** Whether the link of a device carries this stream, or a frame that passes the mailbox by. */
  carries(peer: Carrier, way: "link" | "relay"): boolean {
    const lane = this.#lanes.get(peer.device);
    return lane !== undefined && (lane.peer.link === undefined) === (way === "relay");
  }

  /** Something waits that may go by a link. */
  get wantsLink(): boolean {
    return this.stream.unackedCount > 0 && allowsLinks(this.#options.paths);
  }

  /** Writes as much as fits into a frame for a device that carries the stream. */
  write(out: FrameWriter, peer: Carrier): boolean {
    const lane = this.#lanes.get(peer.device);
    if (lane === undefined || this.#options.monotonic() < lane.notBefore) return false;
    const before = lane.position.next;
    if (!this.stream.write(out, lane.position, this.#baseFor(peer.device))) return false;
    if (before === this.stream.base) lane.movedAt = this.#options.monotonic();
    return true;
  }

  /** Something that a device was sent is not acknowledged, though it takes what it is sent. */
  waitsFor(peer: Carrier): boolean {
    const lane = this.#lanes.get(peer.device);
    if (lane === undefined || this.#options.monotonic() < lane.notBefore) return false;
    if (!this.#isInStep(peer.device)) return false;
    return lane.position.next > Math.max(this.#acked.get(peer.device) ?? 0, this.stream.base - 1) + 1;
  }

  /** Takes an acknowledgement of a device of the member. */
  onAck(seq: number, peer: Carrier): void {
    const upTo = Math.min(seq, this.stream.sentUpTo);
    const before = this.#acked.get(peer.device) ?? 0;
    if (upTo <= before) return;
    this.#acked.set(peer.device, upTo);
    const lane = this.#lanes.get(peer.device);
    if (lane !== undefined) {
      lane.movedAt = this.#options.monotonic();
      lane.pauseMs = firstPauseMs;
    }
    this.#quietSince = undefined;
    this.#retryMs = firstRetryMs;
    const path = this.#pathTo(peer.device);
    const facts = { device: peer.device, path, reason: path === undefined ? undefined : this.#options.reason(path) };
    this.#ledger.advance(Math.max(before + 1, this.stream.base), upTo, "delivered", facts);
    this.#settleTaken();
    this.flush();
  }

  /** The recipient's device will not take one envelope, or not now. */
  onRefusal(seq: number, error: ParleyError, peer: Carrier): void {
    const lane = this.#lanes.get(peer.device);
    if (error.code === "not_holder" && this.#allows("mailbox")) {
      this.#dropLane(peer.device);
      this.#mailbox.flush();
    } else if (isRetryable(error.code)) {
      if (lane === undefined) return;
      lane.notBefore = this.#options.monotonic() + lane.pauseMs;
      lane.pauseMs = Math.min(lane.pauseMs * 2, mostPauseMs);
      lane.position.next = this.stream.base;
    } else {
      const facts = { device: peer.device, error: { code: error.code, message: error.message } };
      this.#end(seq, error.code === "expired" ? "expired" : "refused", facts);
    }
  }

  /** What a device vouched for, with its signature, which was verified. */
  onReceipt(from: number, to: number, state: ReceiptState, at: number, peer: Carrier, receipt: Uint8Array): void {
    const upTo = Math.min(to, this.stream.nextSeq - 1);
    const path = this.#pathTo(peer.device);
    const facts = { device: peer.device, path, reason: path === undefined ? undefined : this.#options.reason(path) };
    this.#ledger.advance(from, upTo, "delivered", facts, at);
    this.#ledger.advance(from, upTo, state, facts, at);
    const { journal, key, writes } = this.#options;
    writes.run(() => journal.noteOutbox(key, from, upTo, { state, at, device: peer.device }, receipt));
  }

  /** Puts voids in the place of what expired. `now` is monotonic. */
  expire(now: number): void {
    for (const { firstSeq, seq, isDelivered } of this.#ledger.takeDue(now)) {
      // Written down before it leaves the outbox, which keeps of what has no other fact nothing at all.
      if (!isDelivered) this.#end(seq, "expired");
      for (let each = firstSeq; each <= seq; each++) {
        this.stream.replace(each, voidEnvelope(this.#options.now()));
        this.#drop(each);
      }
    }
    this.#wakeWaiting();
  }

  /** An end is told once it is on disk: another start must not send after all what was said to have ended. */
  #end(seq: number, state: EndState, facts: DeliveryFacts = {}): void {
    const firstSeq = this.#ledger.close(seq, state);
    if (firstSeq === undefined) return;
    const { journal, key, writes, now } = this.#options;
    const { device, error } = facts;
    const fact = {
      state,
      at: now(),
      ...(device === undefined ? {} : { device }),
      ...(error === undefined ? {} : { code: error.code, reason: error.message }),
    };
    writes.run(
      () => journal.noteOutbox(key, firstSeq, seq, fact),
      () => this.#ledger.end(seq, state, facts),
    );
  }

  /** Nothing is left that only this device has, unless a link carries the stream. */
  get isStored(): boolean {
    return this.stream.unackedCount === 0 || (this.#lanes.size === 0 && this.#mailbox.isQuiet);
  }

  /** Sends again what is left unanswered: the frame or the answer was lost. Called regularly. */
  retry(now: number): void {
    for (const [device, lane] of this.#lanes) this.#retryLane(device, lane, now);
    const waits =
      this.#usesMailbox &&
      this.#lanes.size === 0 &&
      this.#options.session.isOpen &&
      this.stream.unackedCount > 0 &&
      this.#mailbox.isQuiet &&
      this.#options.view()?.live === true;
    if (!waits) {
      this.#quietSince = undefined;
      // After a pause that the registry asked for.
      if (this.#mailbox.hasUnsent) this.#mailbox.flush();
      return;
    }
    this.#quietSince ??= now;
    if (now - this.#quietSince < this.#retryMs) return;
    this.#quietSince = now;
    this.#retryMs = Math.min(this.#retryMs * 2, mostRetryMs);
    this.#mailbox.rewind(true);
    this.#mailbox.flush();
  }

  #retryLane(device: string, lane: Lane, now: number): void {
    if (lane.notBefore > 0 && now >= lane.notBefore) {
      lane.notBefore = 0;
      lane.movedAt = now;
      lane.peer.flush();
    }
    const upTo = Math.max(this.#acked.get(device) ?? 0, this.stream.base - 1);
    if (lane.position.next <= upTo + 1 || now - lane.movedAt < this.#retryMs) return;
    lane.movedAt = now;
    this.#retryMs = Math.min(this.#retryMs * 2, mostRetryMs);
    lane.position.next = this.stream.base;
    lane.peer.flush();
  }

  stop(): void {
    this.#stopped = true;
    this.#mailbox.stop();
    this.#ledger.stop({ code: "closed", message: "This device stopped; what was accepted goes on at its next start." });
    for (const waiter of this.#waiting) waiter.stop();
  }

  /** Lets everything that waits leave. */
  flush(): void {
    if (this.#stopped) return;
    for (const { peer } of this.#lanes.values()) peer.flush();
    if (this.#usesMailbox) this.#mailbox.flush();
  }

  #makeLedger(): DeliveryLedger {
    const { now, monotonic, onDelivery, journal, key, writes } = this.#options;
    return new DeliveryLedger({
      now,
      monotonic,
      onDelivery,
      note: (from, to, { state, at, path, reason, device, error }) => {
        const fact = {
          state,
          at,
          ...(path === undefined ? {} : { path }),
          ...(device === undefined ? {} : { device }),
          ...(error === undefined ? {} : { code: error.code, reason: error.message }),
          ...(reason === undefined ? {} : { via: reason }),
        };
        writes.run(() => journal.noteOutbox(key, from, to, fact));
      },
    });
  }

  #makeMailbox(): MailboxLane {
    const { session, relay, recipient, monotonic, soon, onError, reason } = this.#options;
    return new MailboxLane({
      stream: this.stream,
      session,
      relay,
      recipient,
      monotonic,
      soon,
      onError,
      path: () => (this.#options.view()?.live === true && this.#allows("relay") ? "relay" : "mailbox"),
      isNeeded: () => this.#usesMailbox,
      onStored: (from, to, path) => {
        this.#ledger.advance(from, to, "stored", { path, reason: reason(path) });
        this.#settleTaken();
      },
      onRefused: (upTo, error) => this.#refuseUpTo(upTo, error),
    });
  }

  /** Several devices of a person share it: each has to get everything. */
  get #isShared(): boolean {
    const view = this.#options.view();
    return view !== undefined && view.kind === "person" && view.verified.devices.size > 1;
  }

  #allows(path: Path): boolean {
    return this.#options.paths?.includes(path) ?? true;
  }

  /** Devices that take the stream from here without the mailbox. */
  #carriers(): Map<string, Carrier> {
    const carriers = new Map<string, Carrier>();
    for (const device of takersOf(this.#options.view())) {
      const peer = this.#peers.get(device);
      if (peer === undefined) continue;
      const isAllowed = peer.link === undefined ? this.#passesBy && peer.connected : this.#allows(peer.link.path);
      if (isAllowed) carriers.set(device, peer);
    }
    return carriers;
  }

  /** A rule that forbids the mailbox lets frames pass it by, to devices that are connected. */
  get #passesBy(): boolean {
    return this.#allows("relay") && !this.#allows("mailbox");
  }

  /** Through the mailbox goes what not all devices that take the stream get, and are known to get, by themselves. */
  get #usesMailbox(): boolean {
    if (!this.#allows("mailbox")) return false;
    if (this.#options.view() === undefined && !this.#isUnknowable) {
      this.#learn();
      return false;
    }
    if (!this.#isShared) return this.#lanes.size === 0;
    const devices = this.#options.view()?.verified.devices.keys() ?? [];
    for (const device of devices) if (!this.#lanes.has(device) || !this.#isInStep(device)) return true;
    return false;
  }

  /**
   * Nothing leaves before it is known who takes it: what an earlier start left may have reached another instance. What
   * stands in the way shows when it is tried.
   */
  #learn(): void {
    const { session, recipient } = this.#options;
    if (this.#isLearning || !session.isOpen) return;
    this.#isLearning = true;
    recipient()
      .catch(() => undefined)
      .finally(() => {
        this.#isLearning = false;
        this.#isUnknowable = this.#options.view() === undefined;
        if (!this.#stopped) this.refit();
      })
      .catch(this.#options.onError);
  }

  /** Whether a device is known to have all that will not come to it from here. */
  #isInStep(device: string): boolean {
    return !this.#isShared || (this.#acked.get(device) ?? 0) >= this.stream.base - 1;
  }

  #lane(peer: Carrier): Lane {
    const now = this.#options.monotonic();
    return { peer, position: { next: this.stream.base }, notBefore: 0, pauseMs: firstPauseMs, movedAt: now };
  }

  /**
   * An agent's messages are one instance's at a time. What may have reached another one before is marked, because only
   * that one could tell whether it was handled.
   */
  #noteTaker(): void {
    const view = this.#options.view();
    if (view?.kind !== "agent") return;
    if (this.#hasInstances) {
      // An earlier start may have handed what it left to anybody.
      this.#markHanded(this.#leftUpTo);
      this.#leftUpTo = 0;
    }
    // The only one it had is one of several when others are enrolled.
    const [taker] = takersOf(view);
    if (taker === undefined || taker === this.#handedTo) return;
    const isChange =
      this.#handedTo !== undefined || (this.#hasInstances && this.#mailbox.storedUpTo >= this.stream.base);
    this.#handedTo = taker;
    if (isChange) this.#markHanded(this.stream.sentUpTo);
  }

  /** What a lane carried and nobody acknowledged may have been taken there, and goes on to whoever takes it next. */
  #dropLane(device: string): void {
    const lane = this.#lanes.get(device);
    if (lane === undefined) return;
    this.#lanes.delete(device);
    if (this.#hasInstances) this.#markHanded(lane.position.next - 1);
  }

  #markHanded(upTo: number): void {
    for (let seq = this.stream.base; seq <= upTo; seq++) {
      const envelope = this.stream.at(seq);
      if (envelope !== undefined && envelope.kind !== envelopeKinds.void)
        this.stream.replace(seq, { ...envelope, redelivered: true });
    }
  }

  /** Several instances of an agent take turns. */
  get #hasInstances(): boolean {
    const view = this.#options.view();
    return view !== undefined && view.kind === "agent" && view.verified.devices.size > 1;
  }

  /** The lowest number that a device may still need from a link: what others have is no reason to skip it. */
  #baseFor(device: string): number {
    return this.#isShared ? Math.min((this.#acked.get(device) ?? 0) + 1, this.stream.base) : this.stream.base;
  }

  /** Path by which a device got what it acknowledges. */
  #pathTo(device: string | undefined): Path | undefined {
    const lane = device === undefined ? undefined : this.#lanes.get(device);
    if (lane !== undefined && lane.position.next > this.stream.base) return lane.peer.link?.path ?? "relay";
    return this.#mailbox.lastPath ?? lane?.peer.link?.path;
  }

  /** Lets go of what nobody needs from here any more. */
  #settleTaken(): void {
    const view = this.#options.view();
    const listed = view?.kind === "person" ? view.verified.devices : undefined;
    let upTo = 0;
    // What only a device has that its person took off the list, the others still need.
    for (const [device, acked] of this.#acked) if (listed?.has(device) !== false) upTo = Math.max(upTo, acked);
    if (this.#isShared && this.#allows("mailbox")) {
      const byAll = Math.min(...[...(listed?.keys() ?? [])].map((device) => this.#acked.get(device) ?? 0));
      upTo = Math.max(byAll, this.#wholeUpTo(Math.min(upTo, this.#mailbox.storedUpTo)));
    }
    if (this.stream.acknowledge(upTo) === 0) return;
    this.#settle(this.stream.base - 1);
    this.#wakeWaiting();
  }

  /** The last number up to this one that ends a body. */
  #wholeUpTo(seq: number): number {
    let upTo = seq;
    while (this.stream.at(upTo)?.more === true) upTo--;
    return upTo;
  }

  /** The registry will never take these, nor the rest of a body that begins among them. */
  #refuseUpTo(upTo: number, error: ParleyError): void {
    let end = upTo;
    while (this.stream.at(end)?.more === true) end++;
    for (let seq = this.stream.base; seq <= end; seq++)
      this.#end(seq, "refused", { error: { code: error.code, message: error.message } });
    for (let seq = upTo + 1; seq <= end; seq++) this.stream.replace(seq, voidEnvelope(this.#options.now()));
    this.stream.acknowledge(upTo);
    this.#settle(end);
    this.#wakeWaiting();
  }

  #settle(upTo: number): void {
    const { journal, key, writes } = this.#options;
    writes.run(() => journal.settleOutbox(key, upTo));
  }
}
