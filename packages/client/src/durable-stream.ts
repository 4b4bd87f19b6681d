/**
 * A durable stream towards one member: on disk before it is accepted, carried by links to the devices that take it and
 * through the mailbox, and kept until nobody needs it from here any more.
 */
import { OutboundStream, splitBody, type VerifiedMember } from "@parley/core";
import {
  type Envelope,
  envelopeId,
  type FrameWriter,
  isRetryable,
  ParleyError,
  type Path,
  type ReceiptState,
} from "@parley/protocol";

import { BlockedBodies } from "./blocked-bodies.ts";
import { Custody } from "./custody.ts";
import { type DeliveryFacts, DeliveryLedger } from "./delivery-ledger.ts";
import type { AllowedPaths, Delivery, Sent } from "./delivery.ts";
import { type Carrier, DeviceLanes } from "./device-lanes.ts";
import { MailboxLane } from "./mailbox-lane.ts";
import type { MemberView } from "./member-view.ts";
import { OutboxIntake } from "./outbox-intake.ts";
import { isOver, type LeftEnvelope, OutboxLeftover } from "./outbox-leftover.ts";
import { OutboxPage, type OutboxPageOptions } from "./outbox-page.ts";
import { OutboxRoom } from "./outbox-room.ts";
import { allowsLinks } from "./path-rules.ts";
import { RedeliveryMarks } from "./redelivery-marks.ts";
import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";
import { Takers } from "./takers.ts";
import { voidEnvelope } from "./void-envelope.ts";

export interface DurableStreamOptions extends OutboxPageOptions {
  readonly member: string;
  /** The device that sends, of a stream to its own member. */
  readonly self?: string | undefined;
  /** Paths that may be used. Default: all. */
  readonly paths?: AllowedPaths | undefined;
  /** Highest number ever given under this key. */
  readonly lastSeq: number;
  readonly session: Pick<Session, "isOpen" | "carries" | "registryTime">;
  readonly relay: () => Pick<Relay, "send">;
  /** The recipient's verified record, fresh enough to seal to. */
  readonly recipient: () => Promise<VerifiedMember>;
  /** The recipient as last heard of: its devices, who is here, who holds the inbox. */
  readonly view: () => MemberView | undefined;
  readonly monotonic: () => number;
  readonly soon: (run: () => void) => void;
  /** Why something takes the path that it takes. */
  readonly reason: (path: Path) => string | undefined;
  readonly onDelivery: (delivery: Delivery) => void;
  readonly onError: (error: unknown) => void;
}

/** Messages of earlier starts that one receipt speaks of and that are told: the newest. */
const mostTold = 1024;

export class DurableStream {
  readonly member: string;
  readonly stream: OutboundStream;
  readonly #options: DurableStreamOptions;
  readonly #page: OutboxPage;
  readonly #room: OutboxRoom;
  readonly #intake: OutboxIntake;
  readonly #ledger: DeliveryLedger;
  readonly #takers: Takers;
  readonly #custody: Custody;
  readonly #marks: RedeliveryMarks;
  readonly #lanes: DeviceLanes;
  readonly #blocked: BlockedBodies;
  readonly #mailbox: MailboxLane;
  /** Up to here everything was settled before this start. */
  readonly #settledBefore: number;
  /** How far of that it was told to be read. */
  #toldReadTo = 0;
  #stopped = false;
  /** What the registry will never take is not offered again, nor the rest of a body that began with it kept. */
  #refusedUpTo = 0;
  #wastedUpTo = 0;
  #isLearning = false;
  /** The recipient's record cannot be had now: what is tried says why. */
  #isUnknowable = false;

  constructor(options: DurableStreamOptions, left: readonly LeftEnvelope[]) {
    const { epoch, lastSeq, now, monotonic, view, paths, onDelivery } = options;
    const leftover = new OutboxLeftover(left, lastSeq);
    const stream = new OutboundStream({ class: "durable", epoch, nextSeq: leftover.firstSeq });
    for (const envelope of leftover.envelopes(now())) stream.push(envelope);
    const takers = new Takers(view, paths, options.self);
    const page = new OutboxPage(options);
    const room = new OutboxRoom(stream);
    const storedUpTo = (): number => this.#mailbox.storedUpTo;
    const custody = new Custody({ stream, takers, keptUpTo: () => this.#mailbox.keptUpTo });
    this.#options = options;
    this.#settledBefore = leftover.firstSeq - 1;
    this.member = options.member;
    this.stream = stream;
    this.#takers = takers;
    this.#page = page;
    this.#room = room;
    this.#intake = new OutboxIntake({ stream, page, room, now, monotonic, onEntered: () => this.flush() });
    this.#ledger = new DeliveryLedger({ now, monotonic, onDelivery, page, onClosed: () => this.#settleTaken() });
    this.#custody = custody;
    this.#marks = new RedeliveryMarks({ stream, takers, storedUpTo });
    this.#lanes = new DeviceLanes({
      stream,
      takers,
      custody,
      monotonic,
      onDropped: (carriedUpTo) => this.#marks.onDropped(carriedUpTo),
    });
    this.#blocked = new BlockedBodies({ stream, ledger: this.#ledger, custody, lanes: this.#lanes, page, now });
    this.#mailbox = this.#makeMailbox();
    this.#followLeftover(leftover);
  }

  /** A device of the member came in sight, or its link opened, was replaced or closed: what it carried goes again. */
  meet(peer: Carrier): void {
    this.#lanes.meet(peer);
    this.refit();
  }

  forget(peer: Carrier): void {
    this.#lanes.forget(peer);
    this.refit();
  }

  /** Who takes this stream may have changed: with a link, with presence, with the member's devices. */
  refit(): void {
    this.#lanes.refit();
    this.#marks.refit();
    this.#settleTaken();
    this.flush();
  }

  /** A new session: frames without a result may not have been stored. */
  onSession(): void {
    this.#lanes.rewindRelayed();
    this.#isUnknowable = false;
    this.#mailbox.resume();
    this.flush();
  }

  /** Accepts one body: resolves when it is on disk. Waits for room while the stream is full, until `signal` aborts. */
  async accept(head: Omit<Envelope, "body" | "more">, body: Uint8Array, signal?: AbortSignal): Promise<Sent> {
    const envelopes = splitBody(head, body);
    if (this.#stopped) throw new ParleyError("closed");
    const { firstSeq, started } = await this.#intake.take(envelopes, body.length, signal);
    const seq = firstSeq + envelopes.length - 1;
    const expires = head.ttl > 0 ? started + head.ttl : Infinity;
    const entry = this.#ledger.accept({ id: envelopeId(this.stream.epoch, seq), firstSeq, seq, started, expires });
    const sent = this.#ledger.announce(entry);
    // The acknowledgement may have come before this line.
    if (seq < this.stream.base) this.#ledger.advance(seq, seq, "delivered", { path: this.#mailbox.lastPath });
    return sent;
  }

  /** Whether the link of a device carries this stream, or a frame that passes the mailbox by. */
  carries(peer: Carrier, way: "link" | "relay"): boolean {
    return this.#lanes.carries(peer, way);
  }

  /** Something waits that may go by a link. */
  get wantsLink(): boolean {
    return this.stream.unackedCount > 0 && allowsLinks(this.#options.paths);
  }

  /** Writes as much as fits into a frame for a device that carries the stream. */
  write(out: FrameWriter, { device }: Carrier): boolean {
    return this.#lanes.write(out, device);
  }

  /** Something that a device was sent is not acknowledged, though it takes what it is sent. */
  waitsFor({ device }: Carrier): boolean {
    return this.#lanes.waitFor(device);
  }

  /** Takes an acknowledgement of a device of the member. */
  onAck(seq: number, { device }: Carrier): void {
    const taken = this.#custody.acknowledge(device, seq);
    if (taken === undefined) return;
    this.#lanes.onAck(device);
    this.#mailbox.onAck();
    this.#ledger.advance(taken.from, taken.to, "delivered", this.#factsOf(device));
    this.#settleTaken();
    this.flush();
  }

  /** The recipient's device will not take one envelope, or not now. */
  onRefusal(seq: number, error: ParleyError, { device }: Carrier): void {
    if (error.code === "not_holder" && this.#takers.allows("mailbox")) {
      this.#lanes.drop(device);
      this.#mailbox.flush();
    } else if (isRetryable(error.code)) this.#lanes.pause(device);
    else {
      // Its member blocked this one, with all its devices: nothing else is said than when the registry refuses.
      const by = error.code === "blocked" ? undefined : device;
      const facts = { device: by, error: { code: error.code, message: error.message } };
      this.#ledger.end(seq, error.code === "expired" ? "expired" : "refused", facts);
    }
  }

  /** What a device vouched for, with its signature, which was verified. */
  onReceipt(from: number, to: number, state: ReceiptState, at: number, { device }: Carrier, receipt: Uint8Array): void {
    const upTo = Math.min(to, this.stream.nextSeq - 1);
    const facts = this.#factsOf(device);
    this.#ledger.advance(from, upTo, "delivered", facts, at);
    this.#ledger.advance(from, upTo, state, facts, at);
    this.#page.note(from, upTo, { state, at, device }, receipt);
    if (state === "read") this.#tellRead(from, Math.min(upTo, this.#settledBefore), facts);
  }

  /** A person read what was delivered before this start, which follows it no more: told once. */
  #tellRead(from: number, to: number, facts: DeliveryFacts): void {
    for (let seq = Math.max(from, this.#toldReadTo + 1, to - mostTold + 1); seq <= to; seq++)
      this.#ledger.tell(envelopeId(this.stream.epoch, seq), "read", facts);
    this.#toldReadTo = Math.max(this.#toldReadTo, to);
  }

  /**
   * Puts voids in the place of what expired, once that is written down: a later start must not take for delivered what
   * was acknowledged as a void. Until then its recipient refuses it. `now` is monotonic.
   */
  expire(now: number): void {
    for (const { firstSeq, seq, isDelivered } of this.#ledger.takeDue(now)) {
      const leave = (): void => this.#leave(firstSeq, seq);
      if (isDelivered) leave();
      else this.#ledger.end(seq, "expired", {}, leave);
    }
  }

  #leave(firstSeq: number, seq: number): void {
    for (let each = firstSeq; each <= seq; each++) {
      this.stream.replace(each, voidEnvelope(this.#options.now()));
      this.#page.drop(each);
    }
    this.#room.wake();
  }

  /** Nothing is left that only this device has, unless a link carries the stream. */
  get isStored(): boolean {
    return this.stream.unackedCount === 0 || (this.#lanes.isEmpty && this.#mailbox.isQuiet);
  }

  /** Sends again what is left unanswered: the frame or the answer was lost. Called regularly; `now` is monotonic. */
  retry(now: number): void {
    this.#lanes.retry(now);
    this.#mailbox.retry(now, this.#lanes.isEmpty && this.#takers.areLive);
  }

  stop(): void {
    this.#stopped = true;
    this.#mailbox.stop();
    this.#ledger.stop({ code: "closed", message: "This device stopped; what was accepted goes on at its next start." });
    this.#room.stop();
  }

  /** Lets everything that waits leave. */
  flush(): void {
    if (this.#stopped) return;
    this.#lanes.flush();
    if (this.#usesMailbox) this.#mailbox.flush();
  }

  /** Expiry and acknowledgement of what an earlier start accepted are told as for anything else. */
  #followLeftover(leftover: OutboxLeftover): void {
    const { monotonic, session } = this.#options;
    for (const { seq } of leftover.half) this.#page.drop(seq);
    for (const { firstSeq, seq, envelope, state } of leftover.bodies()) {
      const { origin, created, ttl } = envelope;
      const id = envelopeId(origin?.epoch ?? this.stream.epoch, origin?.seq ?? seq);
      if (isOver(state)) {
        // The earlier start may have ended before it told anybody.
        this.#ledger.tell(id, state);
        for (let each = firstSeq; each <= seq; each++) this.#page.drop(each);
        continue;
      }
      const started = monotonic();
      const expires = ttl > 0 ? started + created + ttl - session.registryTime : Infinity;
      this.#ledger.accept({ id, firstSeq, seq, started, expires, ...(state === undefined ? {} : { state }) });
    }
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
      path: () => (this.#takers.areLive && this.#takers.allows("relay") ? "relay" : "mailbox"),
      isNeeded: () => this.#usesMailbox,
      onStored: (from, to, path) => {
        this.#ledger.advance(from, to, "stored", { path, reason: reason(path) });
        this.#settleTaken();
      },
      onAgain: (upTo) => this.#marks.onAgain(upTo),
      onRefused: (upTo, error) => this.#refuseUpTo(upTo, error),
      onBlocked: (from, upTo, maybeUpTo, error) => {
        const isDecided = this.#blocked.refuse(from, upTo, maybeUpTo, error);
        this.#settleTaken();
        return isDecided;
      },
    });
  }

  /** Through the mailbox goes what not all devices that take the stream get, and are known to get, by themselves. */
  get #usesMailbox(): boolean {
    const takers = this.#takers;
    if (!takers.allows("mailbox")) return false;
    if (!takers.areKnown && !this.#isUnknowable) {
      this.#learn();
      return false;
    }
    if (!takers.share) return this.#lanes.isEmpty;
    return takers.devices.some((device) => !this.#lanes.has(device) || !this.#custody.isInStep(device));
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
        this.#isUnknowable = !this.#takers.areKnown;
        if (!this.#stopped) this.refit();
      })
      .catch(this.#options.onError);
  }

  #factsOf(device: string): DeliveryFacts {
    const path = this.#lanes.pathTo(device, this.#mailbox.lastPath);
    return { device, path, reason: path === undefined ? undefined : this.#options.reason(path) };
  }

  /** Lets go of what nobody needs from here any more. */
  #settleTaken(): void {
    const endsAt = Math.max(this.#custody.endsAt, this.#refusedUpTo);
    const { closedUpTo } = this.#ledger;
    if (this.stream.acknowledge(Math.min(endsAt, closedUpTo)) === 0) return;
    this.#page.settle(Math.max(this.stream.base - 1, Math.min(this.#wastedUpTo, closedUpTo)));
    this.#room.wake();
  }

  /** The registry will never take these, nor the rest of a body that begins among them. */
  #refuseUpTo(upTo: number, error: ParleyError): void {
    let end = upTo;
    while (this.stream.at(end)?.more === true) end++;
    for (let seq = this.stream.base; seq <= end; seq++)
      this.#ledger.end(seq, "refused", { error: { code: error.code, message: error.message } });
    for (let seq = upTo + 1; seq <= end; seq++) this.stream.replace(seq, voidEnvelope(this.#options.now()));
    this.#refusedUpTo = Math.max(this.#refusedUpTo, upTo);
    this.#wastedUpTo = Math.max(this.#wastedUpTo, end);
    this.#settleTaken();
  }
}
