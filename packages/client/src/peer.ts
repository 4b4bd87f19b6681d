/**
 * One remote device: what waits for it, what comes from it, and the path in between. Frames are written when there is
 * something to write, at the end of the tick that brought it, by the link when one is open, else sealed through the
 * registry.
 */
import type { Clock, MeshTrust, Random, VerifiedMember } from "@parley/core";
import {
  type AckSection,
  type DataSection,
  type DevicePresence,
  type Envelope,
  FrameWriter,
  limits,
  ParleyError,
  type Path,
  type ReceiptSection,
  type RefusalSection,
  toParleyError,
} from "@parley/protocol";

import type { AllowedPaths, Sender, Sent } from "./delivery.ts";
import type { DurableStream } from "./durable-stream.ts";
import { followLive } from "./live-delivery.ts";
import { type LiveBody, LiveInbox } from "./live-inbox.ts";
import { type LiveStream, LiveStreams, wake } from "./live-streams.ts";
import type { OpenLink } from "./open-link.ts";
import { PendingAnswers } from "./pending-answers.ts";
import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";
import type { Traffic } from "./traffic.ts";

export interface PeerOptions {
  readonly member: VerifiedMember;
  readonly device: string;
  readonly trust: MeshTrust;
  readonly session: Session;
  readonly relay: () => Relay;
  readonly random: Random;
  readonly monotonic: () => number;
  readonly soon: (run: () => void) => void;
  /** The durable streams to the device's member. */
  readonly durables: () => readonly DurableStream[];
  /** Handles what comes live; a promise holds up its stream. */
  readonly onLive: (peer: Peer, epoch: string, body: LiveBody) => Promise<void> | void;
  readonly traffic: Traffic;
  /** What this member decided about another one. */
  readonly standingOf: (member: VerifiedMember) => Pick<Sender, "trust" | "verified">;
  readonly onLiveRefused: (peer: Peer, epoch: string, seq: number, error: unknown) => void;
  readonly onError: (error: unknown) => void;
}

/** Frames that are sealed and under way to the registry at once, for one device. */
const relayWindow = 8;
/** Inbound live streams remembered per device: the newest ones. */
const mostInbound = 32;
const mostEphemeral = 256;
/** Calls and events that are sent without waiting for the end of the turn: the other side begins while this one goes on. */
const burst = 16;
const ephemeralLifeMs = 30_000;

export class Peer {
  readonly device: string;
  readonly #options: PeerOptions;
  #member: VerifiedMember;
  #boot: string | undefined;
  #connected = false;
  #link: OpenLink | undefined;
  readonly #live: LiveStreams;
  readonly #inbound = new Map<string, LiveInbox>();
  readonly #answers = new PendingAnswers();
  readonly #ephemeral: { envelope: Envelope; relayOnly: boolean }[] = [];
  readonly #linkWriter = new FrameWriter();
  readonly #relayWriter = new FrameWriter();
  #flushing = false;
  #relaying = 0;
  #lastAck = 0;
  #lastRelayAck = 0;
  #sending = 0;
  #pushed = 0;
  #sendOrder: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.device = options.device;
    this.#member = options.member;
    this.#live = new LiveStreams(options.random);
  }

  get member(): VerifiedMember {
    return this.#member;
  }

  get boot(): string | undefined {
    return this.#boot;
  }

  /** Whether the registry says that the device is connected. */
  get connected(): boolean {
    return this.#connected;
  }

  get link(): OpenLink | undefined {
    return this.#link;
  }

  get sender(): Sender {
    const { member, name, kind, roles } = this.#member;
    return { member, name, device: this.device, kind, roles, ...this.#options.standingOf(this.#member) };
  }

  get hasUnacked(): boolean {
    return this.#live.unackedCount > 0 || this.#durableWaits;
  }

  /** Something was written, or is about to be, for a device that can be reached. */
  get isFlushing(): boolean {
    return this.#relaying > 0 || (this.path !== "mailbox" && (this.#flushing || this.#answers.hasAcks));
  }

  get #durableWaits(): boolean {
    for (const stream of this.#options.durables()) if (stream.waitsFor(this)) return true;
    return false;
  }

  /** The open link carries something that is not acknowledged. */
  get waitsOnLink(): boolean {
    return hasUnacked(this.#live.carriedBy(this.#link?.path)) || (this.#link !== undefined && this.#durableWaits);
  }

  /** Something live that went by relay is not acknowledged. */
  get waitsOnRelay(): boolean {
    return hasUnacked(this.#live.relayedBeside(this.#link?.path));
  }

  /** Something waits that may go by a link. */
  get wantsLink(): boolean {
    if (this.#live.wantsLink) return true;
    for (const stream of this.#options.durables()) if (stream.wantsLink) return true;
    return false;
  }

  /** Monotonic time of the last acknowledgement of what went by relay. */
  get lastRelayAck(): number {
    return this.#lastRelayAck;
  }

  /** Monotonic time of the last acknowledgement. */
  get lastAck(): number {
    return this.#lastAck;
  }

  /** Path that something sent now would take. */
  get path(): Path {
    return this.#link?.path ?? (this.#connected ? "relay" : "mailbox");
  }

  update(member: VerifiedMember): void {
    this.#member = member;
  }

  /** Takes news of the device's presence. True when it started anew: what was live is gone on both sides. */
  onPresence(presence: DevicePresence | undefined): boolean {
    const restarted = presence !== undefined && this.#boot !== undefined && presence.boot !== this.#boot;
    const back = presence?.state === "connected" && !this.#connected;
    this.#connected = presence?.state === "connected";
    if (presence !== undefined) this.#boot = presence.boot;
    if (restarted) this.forgetLive();
    if (back) this.#rewindRelayed();
    if (back || (restarted && this.#connected)) this.flush();
    return restarted;
  }

  /** The other side lost what it had in memory. */
  forgetLive(): void {
    this.#live.reset();
    this.#inbound.clear();
    this.#answers.forgetLive();
    this.#ephemeral.length = 0;
  }

  /** Puts the envelopes of one body on the live stream of a rule. False when the stream is full: `room` says when not. */
  pushLive(envelopes: readonly Envelope[], paths?: AllowedPaths): boolean {
    const { stream } = this.#live.for(paths);
    if (!stream.hasRoom) return false;
    for (const envelope of envelopes) stream.push(envelope);
    this.flush();
    return true;
  }

  /** The same, in the order of the calls, waiting for room. Resolves when the stream took it. */
  sendLive(envelopes: readonly Envelope[], paths?: AllowedPaths): Promise<void> {
    if (this.#sending === 0 && this.pushLive(envelopes, paths)) {
      this.#flushCall();
      return Promise.resolve();
    }
    this.#sending++;
    const sent = this.#sendOrder.then(async () => {
      while (!this.pushLive(envelopes, paths)) await this.room(paths);
      this.#sending--;
    });
    this.#sendOrder = sent;
    return sent;
  }

  /** Resolves when the live stream of a rule has room. */
  async room(paths?: AllowedPaths): Promise<void> {
    let live: LiveStream = this.#live.for(paths);
    while (!live.stream.hasRoom) {
      if (this.#stopped) throw new ParleyError("closed");
      const full = live;
      await new Promise<void>((resolve) => full.waiting.push(resolve));
      live = this.#live.for(paths);
    }
  }

  /** Follows the last `count` envelopes of a rule's stream until they are acknowledged, or will never be. */
  trackLive(paths: AllowedPaths | undefined, count: number, clock: Clock, ttlMs: number): Sent {
    const live = this.#live.for(paths);
    const seq = live.stream.nextSeq - 1;
    return followLive(live, {
      firstSeq: seq - count + 1,
      seq,
      clock,
      ttlMs,
      isCurrent: () => this.#live.ofEpoch(live.stream.epoch) === live,
      delivered: () => ({ path: this.path, device: this.device }),
      isStopped: () => this.#stopped,
    });
  }

  /** Envelopes of a rule's live stream that are not acknowledged. */
  unackedLive(paths?: AllowedPaths): number {
    return this.#live.for(paths).stream.unackedCount;
  }

  /** Epoch and next number of a rule's live stream: the id of what is pushed next. */
  liveStream(paths?: AllowedPaths): { readonly epoch: string; readonly nextSeq: number } {
    return this.#live.for(paths).stream;
  }

  /** Sends outside all streams. `relayOnly` for what is about links. */
  pushEphemeral(envelope: Envelope, relayOnly: boolean): void {
    if (this.#ephemeral.length >= mostEphemeral) this.#ephemeral.shift();
    this.#ephemeral.push({ envelope, relayOnly });
    if (relayOnly) this.flush();
    else this.#flushNow();
  }

  /** Acknowledges everything up to `seq` of a stream from the device, with the next frame. */
  acknowledge(ack: AckSection): void {
    this.#answers.acknowledge(ack);
    this.flush();
  }

  refuse(refusal: RefusalSection): void {
    this.#answers.refuse(refusal);
    this.flush();
  }

  /** Vouches for a range of a stream from the device, with the next frame. */
  vouch(receipt: Omit<ReceiptSection, "type">): void {
    this.#answers.vouch(receipt);
    this.flush();
  }

  /** Takes a live data section; what is handled of it is acknowledged. */
  receiveLive(section: DataSection, path: Path): void {
    this.#inboundLive(section.epoch).receive(section, path);
  }

  /** Says again where streams stand whose handlers take their time, so that nobody takes this device for gone. */
  answerBusy(): void {
    for (const [epoch, inbox] of this.#inbound)
      if (inbox.isBusy) this.acknowledge({ type: "ack", class: "live", epoch, seq: inbox.handled });
  }

  #inboundLive(epoch: string): LiveInbox {
    const known = this.#inbound.get(epoch);
    if (known !== undefined) return known;
    if (this.#inbound.size >= mostInbound) this.#inbound.delete(this.#inbound.keys().next().value ?? "");
    const inbox = new LiveInbox({
      handle: (body) => this.#options.onLive(this, epoch, body),
      onHandled: (seq) => this.acknowledge({ type: "ack", class: "live", epoch, seq }),
      onRefused: (seq, error) => this.#options.onLiveRefused(this, epoch, seq, error),
    });
    this.#inbound.set(epoch, inbox);
    return inbox;
  }

  /** The other side answers. */
  noteAck(): void {
    this.#lastAck = this.#options.monotonic();
  }

  onAck(ack: AckSection): void {
    this.noteAck();
    const live = this.#live.ofEpoch(ack.epoch);
    if (live === undefined || live.stream.acknowledge(ack.seq) === 0) return;
    if (this.#link === undefined || live.paths?.has(this.#link.path) === false) this.#lastRelayAck = this.#lastAck;
    wake(live);
    this.flush();
  }

  /** A proven link: everything that is not acknowledged goes over it. */
  attach(link: OpenLink): void {
    this.#link = link;
    this.#live.rewind();
    for (const stream of this.#options.durables()) stream.meet(this);
    this.flush();
  }

  /** The link is gone: everything that is not acknowledged goes another way. */
  detach(): void {
    if (this.#link === undefined) return;
    this.#link = undefined;
    this.#live.rewind();
    for (const stream of this.#options.durables()) stream.meet(this);
    this.flush();
  }

  /** A new session: what was under way through the old one may be lost. */
  onSession(): void {
    this.#rewindRelayed();
    this.flush();
  }

  /** What goes by relay goes there again. */
  #rewindRelayed(): void {
    for (const { stream } of this.#live.relayedBeside(this.#link?.path)) stream.rewind();
  }

  /** Nothing more will be sent or heard: whoever waits learns of it. */
  stop(): void {
    this.#stopped = true;
    this.forgetLive();
  }

  onDrain(): void {
    if (this.#link !== undefined) this.#link.blocked = false;
    this.flush();
  }

  /** Writes what waits, at the end of this turn. */
  flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.soon(() => {
      this.#flushing = false;
      this.#flushNow();
    });
  }

  /** A call leaves as soon as the promises at hand have settled, or with the burst that it belongs to: its caller waits. */
  #flushCall(): void {
    this.#pushed++;
    if (this.#pushed >= burst) this.#flushNow();
    else if (this.#pushed === 1) queueMicrotask(() => void (this.#pushed > 0 && this.#flushNow()));
  }

  #flushNow(): void {
    this.#pushed = 0;
    this.#flushLink();
    this.#flushRelay();
  }

  #flushLink(): void {
    const open = this.#link;
    if (open === undefined) return;
    while (!open.blocked) {
      this.#fillLink(open.path);
      if (this.#linkWriter.isEmpty) return;
      const used = this.#options.monotonic();
      open.lastUsed = used;
      this.#options.traffic.sent(open.path, this.#linkWriter.length);
      open.blocked = !open.link.send(this.#linkWriter.finish());
    }
  }

  #fillLink(path: Path): void {
    const out = this.#linkWriter;
    this.#answers.write(out);
    for (let index = 0; index < this.#ephemeral.length;) {
      const waiting = this.#ephemeral[index];
      if (waiting === undefined || waiting.relayOnly) index++;
      else if (out.ephemeral(waiting.envelope)) this.#ephemeral.splice(index, 1);
      else return;
    }
    for (const { stream } of this.#live.on(path)) while (stream.write(out));
    for (const stream of this.#options.durables()) if (stream.carries(this, "link")) while (stream.write(out, this));
  }

  #flushRelay(): void {
    const { session } = this.#options;
    while (session.carries && this.#relaying < relayWindow) {
      const stored = this.#link === undefined && !this.#connected;
      // A device that is away still gets what its outbox waits for.
      if (stored) this.#answers.write(this.#relayWriter, true);
      else this.#fillRelay();
      if (this.#relayWriter.isEmpty) return;
      this.#relaying++;
      void this.#relay(this.#relayWriter.finish(), stored);
    }
  }

  #fillRelay(): void {
    if (this.#boot === undefined) return;
    const out = this.#relayWriter;
    if (this.#link === undefined) this.#answers.write(out);
    for (let index = 0; index < this.#ephemeral.length;) {
      const waiting = this.#ephemeral[index];
      if (waiting === undefined || (this.#link !== undefined && !waiting.relayOnly)) index++;
      else if (out.ephemeral(waiting.envelope)) this.#ephemeral.splice(index, 1);
      else return;
    }
    for (const { stream } of this.#live.relayedBeside(this.#link?.path)) while (stream.write(out));
    for (const stream of this.#options.durables()) if (stream.carries(this, "relay")) while (stream.write(out, this));
  }

  async #relay(frame: Uint8Array, stored: boolean): Promise<void> {
    const { session, relay, onError } = this.#options;
    try {
      const result = await relay().send(frame, {
        member: this.#member.member,
        device: this.device,
        encryption: this.#member.encryption,
        boot: stored ? undefined : this.#boot,
        store: stored,
        expires: Math.round(session.registryTime) + (stored ? limits.expiryMs : ephemeralLifeMs),
      });
      if (result.state === "refused")
        this.#onRelayRefused(toParleyError(new ParleyError(result.error?.code ?? "refused")));
    } catch (error) {
      onError(error);
    } finally {
      this.#relaying--;
      if (session.carries) this.flush();
    }
  }

  /**
   * Not connected: everything waits until the registry says that the device is back. What was refused for another
   * reason would be refused again at once: the watch over answers sends it again.
   */
  #onRelayRefused(error: ParleyError): void {
    if (error.code === "not_connected") this.#connected = false;
    else if (error.code !== "closed") return this.#options.onError(error);
    this.#rewindRelayed();
  }
}

function hasUnacked(streams: Iterable<LiveStream>): boolean {
  for (const { stream } of streams) if (stream.unackedCount > 0) return true;
  return false;
}
