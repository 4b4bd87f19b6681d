/**
 * The durable stream towards one member: on disk before it is accepted, carried by a link of one of the member's
 * devices or through the mailbox, kept until a device of the member says that it committed it.
 */
import { type Journal, OutboundStream, splitBody, type VerifiedMember } from "@parley/core";
import { type Envelope, envelopeId, envelopeKinds, FrameWriter, limits, ParleyError, type Path, toParleyError } from "@parley/protocol";
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
  readonly session: Session;
  readonly relay: () => Relay;
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

interface Tracked {
  readonly id: string;
  readonly seq: number;
  readonly acceptedAt: number;
  expires: number;
  newest: Delivery;
  settle: (delivery: Delivery) => void;
  readonly settled: Promise<Delivery>;
}

/** Frames under way to the mailbox at once. */
const mailboxWindow = 8;
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
    for (let seq = first; seq <= options.lastSeq; seq++) this.stream.push(bySeq.get(seq) ?? voidEnvelope(options.now()));
    this.#nextSeq = Math.max(options.lastSeq + 1, first);
  }

  /** Device whose link carries the stream; without one it goes through the mailbox. */
  get carrier(): Peer | undefined {
    return this.#carrier;
  }

  takeOver(peer: Peer): void {
    if (this.#carrier !== undefined && this.#carrier !== peer && this.#carrier.link !== undefined) return;
    this.#carrier = peer;
    this.stream.rewind();
  }

  giveUp(peer: Peer): void {
    if (this.#carrier !== peer) return;
    this.#carrier = undefined;
    this.stream.rewind();
    this.flush();
  }

  /** A new session: frames without a result may not have been stored. */
  onSession(): void {
    this.flush();
  }

  /** Accepts one body: resolves when it is on disk. Waits for room while the stream is full, until `signal` aborts. */
  async accept(head: Omit<Envelope, "body" | "more">, body: Uint8Array, signal?: AbortSignal): Promise<Sent> {
    const envelopes = splitBody(head, body);
    while (!this.stream.hasRoom) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal?.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    const started = this.#options.monotonic();
    const firstSeq = this.#nextSeq;
    this.#nextSeq += envelopes.length;
    const written = envelopes.map((envelope, index) => this.#write(firstSeq + index, envelope));
    const results = await Promise.allSettled(written);
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw toParleyError(failed.reason);
    return this.#track(firstSeq + envelopes.length - 1, head, started);
  }

  /** Disk first, then the stream; a number whose write failed becomes a void. Writes finish in order, so pushes do too. */
  async #write(seq: number, envelope: Envelope): Promise<void> {
    try {
      await this.#options.journal.appendOutbox({ recipient: this.member, seq, envelope });
    } catch (error) {
      this.stream.push(voidEnvelope(envelope.created));
      throw error;
    } finally {
      this.flush();
    }
    this.stream.push(envelope);
  }

  #track(seq: number, head: Omit<Envelope, "body" | "more">, started: number): Sent {
    const at = this.#options.now();
    const id = envelopeId(this.stream.epoch, seq);
    const accepted: Delivery = { id, state: "accepted", at, tookMs: this.#options.monotonic() - started, path: undefined, device: undefined, error: undefined };
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    const tracked: Tracked = { id, seq, acceptedAt: started, expires: head.ttl > 0 ? head.created + head.ttl : 0, newest: accepted, settle: resolve, settled: promise };
    this.#tracked.set(seq, tracked);
    this.#options.onDelivery(accepted);
    // The acknowledgement may have come before this line.
    if (seq < this.stream.base) this.#settle(tracked, "delivered");
    return { id, accepted, state: () => tracked.newest, settled: promise };
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
      this.stream.replace(tracked.seq, voidEnvelope(now));
      this.#options.journal.dropOutbox(this.member, tracked.seq).catch(this.#options.onError);
      this.#settle(tracked, "expired");
    }
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
      this.#flushMailbox();
    });
  }

  #flushMailbox(): void {
    while (this.#carrier === undefined && this.#options.session.isOpen && this.#sending < mailboxWindow && this.stream.hasUnsent) {
      if (!this.stream.write(this.#writer)) return;
      const upTo = this.stream.sentUpTo;
      this.#sending++;
      void this.#store(this.#writer.finish().slice(), upTo);
    }
  }

  async #store(frame: Uint8Array, upTo: number): Promise<void> {
    const { recipient, relay, session, onError } = this.#options;
    try {
      const member = await recipient();
      const path = this.#options.isLive() ? "relay" : "mailbox";
      this.#lastPath = path;
      const result = await relay().send(frame, { member: member.member, device: undefined, encryption: member.encryption, boot: undefined, store: true, expires: 0 });
      if (result.state === "refused") throw new ParleyError(result.error?.code ?? "refused", result.error === undefined ? {} : { message: result.error.message });
      this.#onStored(upTo, path);
    } catch (error) {
      const refused = toParleyError(error);
      if (!refused.retryable) this.#refuseUpTo(upTo, refused);
      else this.stream.rewind();
      if (session.isOpen) onError(refused);
    } finally {
      this.#sending--;
    }
    if (this.stream.hasUnsent && session.isOpen) this.flush();
  }

  #onStored(upTo: number, path: Path): void {
    for (const tracked of this.#tracked.values()) {
      if (tracked.seq > upTo) break;
      if (tracked.newest.state === "accepted") this.#change(tracked, "stored", { path });
    }
  }

  /** The registry will never take these. */
  #refuseUpTo(upTo: number, error: ParleyError): void {
    for (const tracked of this.#tracked.values()) {
      if (tracked.seq > upTo) break;
      this.#settle(tracked, "refused", { error });
    }
    this.stream.acknowledge(upTo);
    this.#options.journal.settleOutbox(this.member, upTo).catch(this.#options.onError);
  }

  #change(tracked: Tracked, state: DeliveryState, facts: { path?: Path; device?: string; error?: ParleyError } = {}): Delivery {
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

  #settle(tracked: Tracked, state: "delivered" | "refused" | "expired", facts: { device?: string; error?: ParleyError } = {}): void {
    this.#tracked.delete(tracked.seq);
    const throughRegistry = this.#carrier === undefined ? tracked.newest.path : undefined;
    const path = state === "delivered" ? (throughRegistry ?? this.#lastPath) : undefined;
    tracked.settle(this.#change(tracked, state, { ...facts, ...(path === undefined ? {} : { path }) }));
  }
}
