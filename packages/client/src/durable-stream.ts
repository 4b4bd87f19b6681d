/**
 * The durable stream towards one member: on disk before it is accepted, carried by a link of one of the member's
 * devices or through the mailbox, kept until a device of the member says that it committed it.
 */
import { type Journal, OutboundStream, splitBody, type VerifiedMember } from "@parley/core";
import {
  type Envelope,
  envelopeId,
  envelopeKinds,
  type ErrorCode,
  FrameWriter,
  limits,
  ParleyError,
  type Path,
  toParleyError,
} from "@parley/protocol";

import type { Delivery, DeliveryState, Sent } from "./delivery.ts";
import type { Peer } from "./peer.ts";
import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";

export interface DurableStreamOptions {
  readonly member: string;
  readonly epoch: string;
  /** Highest number ever given to this member. */
  readonly lastSeq: number;
  readonly journal: Journal;
  readonly session: Pick<Session, "isOpen" | "registryTime">;
  readonly relay: () => Pick<Relay, "send">;
  /** The recipient's verified record, fresh enough to seal to. */
  readonly recipient: () => Promise<VerifiedMember>;
  /** Whether a device of the recipient is connected: through the registry that is `relay`, else `mailbox`. */
  readonly isLive: () => boolean;
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly soon: (run: () => void) => void;
  readonly onDelivery: (delivery: Delivery) => void;
  readonly onError: (error: unknown) => void;
}

/** A frame on its way to the mailbox. */
interface UnderWay {
  readonly upTo: number;
  readonly path: Path;
  stored: boolean;
}

interface Tracked {
  readonly id: string;
  /** Numbers of its first and last envelope. */
  readonly firstSeq: number;
  readonly seq: number;
  readonly acceptedAt: number;
  expires: number;
  newest: Delivery;
  settle: (delivery: Delivery) => void;
  readonly settled: Promise<Delivery>;
}

/** Frames under way to the mailbox at once. */
const mailboxWindow = 8;
/** What a connected recipient did not acknowledge after this goes to the mailbox again; then after twice as long. */
const firstRetryMs = 5000;
const mostRetryMs = 300_000;
/** Pause after the registry would not take a frame; then twice as long. */
/** What will not change by waiting. */
const finalVerdicts: readonly ErrorCode[] = ["unknown_member", "revoked", "too_large", "malformed_frame", "forbidden"];
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

export class DurableStream {
  readonly member: string;
  readonly stream: OutboundStream;
  readonly #options: DurableStreamOptions;
  readonly #tracked = new Map<number, Tracked>();
  readonly #waiting: (() => void)[] = [];
  /** Path by which the newest frame went: the path of a delivery. */
  #lastPath: Path | undefined;
  readonly #writer = new FrameWriter();
  #nextSeq: number;
  /** Bodies enter the stream one after the other. */
  #entering: Promise<void> = Promise.resolve();
  /** Envelopes and bytes that are being written and will enter: they take up room already. */
  #entrants = 0;
  #entrantBytes = 0;
  /** Frames sent to the mailbox since the last rewind, in order: only what is stored without a hole before it is stored. */
  #underWay: UnderWay[] = [];
  #pauseMs = firstPauseMs;
  #notBefore = 0;
  #quietSince: number | undefined;
  #retryMs = firstRetryMs;
  #carrier: Peer | undefined;
  #sending = 0;
  #scheduled = false;
  #stopped = false;

  constructor(options: DurableStreamOptions, waiting: readonly { seq: number; envelope: Envelope }[]) {
    this.#options = options;
    this.member = options.member;
    const first = waiting[0]?.seq ?? options.lastSeq + 1;
    this.stream = new OutboundStream({ class: "durable", epoch: options.epoch, nextSeq: first });
    // What was dropped left a hole, which a void fills so that the order holds.
    const bySeq = new Map(waiting.map(({ seq, envelope }) => [seq, envelope]));
    for (let seq = first; seq <= options.lastSeq; seq++)
      this.stream.push(bySeq.get(seq) ?? voidEnvelope(options.now()));
    this.#nextSeq = Math.max(options.lastSeq + 1, first);
    this.#followLeftover(waiting);
  }

  /** Expiry and acknowledgement of what an earlier start accepted are told as for anything else. */
  #followLeftover(waiting: readonly { seq: number; envelope: Envelope }[]): void {
    let firstSeq: number | undefined;
    for (const { seq, envelope } of waiting) {
      firstSeq ??= seq;
      if (envelope.more) continue;
      this.#follow(firstSeq, seq, envelope, this.#options.monotonic());
      firstSeq = undefined;
    }
  }

  /** Device whose link carries the stream; without one it goes through the mailbox. */
  get carrier(): Peer | undefined {
    return this.#carrier;
  }

  takeOver(peer: Peer): void {
    if (this.#carrier !== undefined && this.#carrier !== peer && this.#carrier.link !== undefined) return;
    this.#carrier = peer;
    this.#rewind();
  }

  giveUp(peer: Peer): void {
    if (this.#carrier !== peer) return;
    this.#carrier = undefined;
    this.#rewind();
    this.flush();
  }

  /** A new session: frames without a result may not have been stored. */
  onSession(): void {
    this.#notBefore = 0;
    this.flush();
  }

  get #hasRoom(): boolean {
    return (
      this.stream.unackedCount + this.#entrants < limits.unackedEnvelopes &&
      this.stream.unackedBytes + this.#entrantBytes < limits.unackedBytes
    );
  }

  /** Accepts one body: resolves when it is on disk. Waits for room while the stream is full, until `signal` aborts. */
  async accept(head: Omit<Envelope, "body" | "more">, body: Uint8Array, signal?: AbortSignal): Promise<Sent> {
    const envelopes = splitBody(head, body);
    while (!this.#hasRoom) {
      signal?.throwIfAborted();
      if (this.#stopped) throw new ParleyError("closed");
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal?.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    const started = this.#options.monotonic();
    const firstSeq = this.#nextSeq;
    this.#nextSeq += envelopes.length;
    this.#entrants += envelopes.length;
    this.#entrantBytes += body.length;
    const { journal } = this.#options;
    const written = Promise.allSettled(
      envelopes.map((envelope, index) =>
        journal.appendOutbox({ recipient: this.member, seq: firstSeq + index, envelope }),
      ),
    );
    const entered = this.#entering.then(async () => {
      const results = await written;
      this.#entrants -= envelopes.length;
      this.#entrantBytes -= body.length;
      this.#enter(firstSeq, envelopes, results);
    });
    this.#entering = entered.catch(() => {});
    await entered;
    return this.#track(firstSeq, firstSeq + envelopes.length - 1, head, started);
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
    for (const resume of this.#waiting.splice(0)) resume();
    throw toParleyError(failed.reason);
  }

  #drop(seq: number): void {
    this.#options.journal.dropOutbox(this.member, seq).catch(this.#options.onError);
  }

  #track(firstSeq: number, seq: number, head: Omit<Envelope, "body" | "more">, started: number): Sent {
    const tracked = this.#follow(firstSeq, seq, head, started);
    const accepted = tracked.newest;
    this.#options.onDelivery(accepted);
    // The acknowledgement may have come before this line.
    if (seq < this.stream.base) this.#settle(tracked, "delivered");
    return { id: tracked.id, accepted, state: () => tracked.newest, settled: tracked.settled };
  }

  #follow(firstSeq: number, seq: number, head: Omit<Envelope, "body" | "more">, started: number): Tracked {
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    const id = envelopeId(this.stream.epoch, seq);
    const at = this.#options.now();
    const newest: Delivery = {
      id,
      state: "accepted",
      at,
      tookMs: this.#options.monotonic() - started,
      path: undefined,
      device: undefined,
      error: undefined,
    };
    const tracked: Tracked = {
      id,
      firstSeq,
      seq,
      acceptedAt: started,
      expires: head.ttl > 0 ? head.created + head.ttl : 0,
      newest,
      settle: resolve,
      settled: promise,
    };
    this.#tracked.set(seq, tracked);
    return tracked;
  }

  /** Writes as much as fits into a frame of the carrier's link. */
  write(out: FrameWriter, path: Path): boolean {
    const written = this.stream.write(out);
    if (written) this.#lastPath = path;
    return written;
  }

  /** Takes an acknowledgement of a device of the member. */
  onAck(seq: number, device: string): void {
    if (this.stream.acknowledge(seq) === 0) return;
    this.#quietSince = undefined;
    this.#retryMs = firstRetryMs;
    const upTo = this.stream.base - 1;
    this.#options.journal.settleOutbox(this.member, upTo).catch(this.#options.onError);
    for (const tracked of this.#tracked.values()) {
      if (tracked.seq > upTo) break;
      this.#settle(tracked, "delivered", { device });
    }
    for (const resume of this.#waiting.splice(0)) resume();
    this.flush();
  }

  /** The recipient refused one envelope. */
  onRefusal(seq: number, error: ParleyError, device: string): void {
    const tracked = this.#tracked.get(seq);
    if (tracked !== undefined) this.#settle(tracked, "refused", { device, error });
  }

  /** Puts voids in the place of what expired. */
  expire(now: number): void {
    for (const tracked of this.#tracked.values()) {
      if (tracked.expires === 0 || tracked.expires > now) continue;
      for (let seq = tracked.firstSeq; seq <= tracked.seq; seq++) {
        this.stream.replace(seq, voidEnvelope(now));
        this.#drop(seq);
      }
      this.#settle(tracked, "expired");
    }
  }

  /** Nothing is left that only this device has, unless a link carries the stream. */
  get isStored(): boolean {
    return (
      this.stream.unackedCount === 0 || (this.#carrier === undefined && this.#sending === 0 && !this.stream.hasUnsent)
    );
  }

  /** Everything unacknowledged goes again. */
  #rewind(): void {
    this.stream.rewind();
    this.#underWay = [];
  }

  /** Sends again what a connected recipient leaves unanswered: the frame or the answer was lost. Called regularly. */
  retry(now: number): void {
    const waits =
      this.#carrier === undefined &&
      this.#options.session.isOpen &&
      this.stream.unackedCount > 0 &&
      this.isStored &&
      this.#options.isLive();
    if (!waits) {
      this.#quietSince = undefined;
      // After a pause that the registry asked for.
      if (this.stream.hasUnsent) this.flush();
      return;
    }
    this.#quietSince ??= now;
    if (now - this.#quietSince < this.#retryMs) return;
    this.#quietSince = now;
    this.#retryMs = Math.min(this.#retryMs * 2, mostRetryMs);
    this.#rewind();
    this.flush();
  }

  stop(): void {
    this.#stopped = true;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Hands what waits to the mailbox, unless a link carries it. */
  flush(): void {
    if (this.#carrier !== undefined) return this.#carrier.flush();
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.soon(() => {
      this.#scheduled = false;
      if (!this.#stopped) this.#flushMailbox();
    });
  }

  #flushMailbox(): void {
    while (
      this.#carrier === undefined &&
      this.#options.session.isOpen &&
      this.#sending < mailboxWindow &&
      this.#options.monotonic() >= this.#notBefore &&
      this.stream.hasUnsent
    ) {
      if (!this.stream.write(this.#writer)) return;
      const frame: UnderWay = {
        upTo: this.stream.sentUpTo,
        path: this.#options.isLive() ? "relay" : "mailbox",
        stored: false,
      };
      this.#lastPath = frame.path;
      this.#underWay.push(frame);
      this.#sending++;
      void this.#store(this.#writer.finish().slice(), frame);
    }
  }

  async #store(bytes: Uint8Array, frame: UnderWay): Promise<void> {
    const { recipient, relay, session, onError } = this.#options;
    try {
      const { member, encryption } = await recipient();
      const expires = Math.round(session.registryTime) + limits.expiryMs;
      const to = { member, device: undefined, encryption, boot: undefined, store: true, expires };
      const { state, error } = await relay().send(bytes, to);
      if (state === "refused")
        throw new ParleyError(error?.code ?? "refused", error === undefined ? {} : { message: error.message });
      this.#onStored(frame);
    } catch (error) {
      const refused = toParleyError(error);
      // Anything but a final verdict, such as a record that cannot be believed now, leaves what was accepted waiting.
      if (finalVerdicts.includes(refused.code)) this.#refuseUpTo(frame.upTo, refused);
      else this.#pause();
      if (session.isOpen) onError(refused);
    } finally {
      this.#sending--;
    }
    if (this.stream.hasUnsent && session.isOpen) this.flush();
  }

  /** What is stored behind a frame that is not could not be read: it does not count yet. */
  #onStored(frame: UnderWay): void {
    frame.stored = true;
    this.#pauseMs = firstPauseMs;
    for (let first = this.#underWay[0]; first?.stored === true; first = this.#underWay[0]) {
      this.#underWay.shift();
      for (const tracked of this.#tracked.values()) {
        if (tracked.seq > first.upTo) break;
        if (tracked.newest.state === "accepted") this.#change(tracked, "stored", { path: first.path });
      }
    }
  }

  /** A broken session needs no pause: the next one is the time to go on. */
  #pause(): void {
    this.#rewind();
    if (!this.#options.session.isOpen) return;
    this.#notBefore = this.#options.monotonic() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, mostPauseMs);
  }

  /** The registry will never take these. */
  #refuseUpTo(upTo: number, error: ParleyError): void {
    for (const tracked of this.#tracked.values()) {
      if (tracked.seq > upTo) break;
      this.#settle(tracked, "refused", { error });
    }
    this.stream.acknowledge(upTo);
    this.#options.journal.settleOutbox(this.member, upTo).catch(this.#options.onError);
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #change(
    tracked: Tracked,
    state: DeliveryState,
    facts: { path?: Path; device?: string; error?: ParleyError } = {},
  ): Delivery {
    const { code, message } = facts.error ?? {};
    tracked.newest = {
      id: tracked.id,
      state,
      at: this.#options.now(),
      tookMs: this.#options.monotonic() - tracked.acceptedAt,
      path: facts.path ?? tracked.newest.path,
      device: facts.device,
      error: code === undefined ? undefined : { code, message: message ?? "" },
    };
    this.#options.onDelivery(tracked.newest);
    return tracked.newest;
  }

  #settle(
    tracked: Tracked,
    state: "delivered" | "refused" | "expired",
    facts: { device?: string; error?: ParleyError } = {},
  ): void {
    this.#tracked.delete(tracked.seq);
    const throughRegistry = this.#carrier === undefined ? tracked.newest.path : undefined;
    const path = state === "delivered" ? (throughRegistry ?? this.#lastPath) : undefined;
    tracked.settle(this.#change(tracked, state, { ...facts, ...(path === undefined ? {} : { path }) }));
  }
}
