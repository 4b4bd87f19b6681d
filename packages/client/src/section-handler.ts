/** Takes frames apart and hands each envelope to whom it concerns, whichever path it came by. */
import {
  decodeFrame,
  decodeJson,
  type Envelope,
  envelopeId,
  envelopeKinds,
  type Gossip,
  gossipSchema,
  limits,
  ParleyError,
  type Path,
  type ReceiptSection,
  type Section,
  signalSchema,
} from "@parley/protocol";

import { textOf } from "./body.ts";
import type { DurableStreams } from "./durable-streams.ts";
import type { Arrival, Inbox } from "./inbox.ts";
import type { Links } from "./links.ts";
import type { LiveBody } from "./live-inbox.ts";
import type { Peer } from "./peer.ts";

/** A live envelope in the hands of a program. */
export interface LiveEnvelope {
  readonly id: string;
  readonly peer: Peer;
  readonly path: Path;
  readonly created: number;
  readonly hops: number;
  /** Valid until the handler returned, or the promise that it returned settled: copy it to keep it. */
  readonly body: Uint8Array;
}

export interface SectionHandlerOptions {
  readonly links: () => Links;
  readonly inbox: () => Inbox;
  readonly streams: () => DurableStreams;
  /** Handlers of live envelopes by kind number. What comes next on a stream waits for a promise. */
  readonly live: ReadonlyMap<number, (envelope: LiveEnvelope) => Promise<void> | void>;
  /** Checks a receipt's signature, and takes it. */
  readonly onReceipt: (peer: Peer, receipt: ReceiptSection) => void;
  readonly onPong: (peer: Peer, body: Uint8Array, path: Path) => void;
  readonly onGossip: (peer: Peer, gossip: Gossip) => void;
  readonly onRefused: (peer: Peer, error: ParleyError) => void;
}

/** Live envelopes are made lazily: on a busy stream most handlers read only the body. */
class Live implements LiveEnvelope {
  readonly peer: Peer;
  readonly path: Path;
  readonly body: Uint8Array;
  readonly created: number;
  readonly hops: number;
  readonly #epoch: string;
  readonly #seq: number;

  constructor(peer: Peer, path: Path, envelope: Envelope, body: Uint8Array, epoch: string, seq: number) {
    this.peer = peer;
    this.path = path;
    this.created = envelope.created;
    this.hops = envelope.hops;
    this.body = body;
    this.#epoch = epoch;
    this.#seq = seq;
  }

  get id(): string {
    return envelopeId(this.#epoch, this.#seq);
  }
}

export class SectionHandler {
  readonly #options: SectionHandlerOptions;

  constructor(options: SectionHandlerOptions) {
    this.#options = options;
  }

  /** Handles one frame. Resolves when its durable part is on disk; rejects with a coded error when it is malformed or was not kept. */
  frame(peer: Peer, bytes: Uint8Array, arrival: Arrival): Promise<void> | void {
    const frame = decodeFrame(bytes);
    if (!frame.ok) throw new ParleyError(frame.code, { message: frame.message });
    let durable: Promise<void>[] | undefined;
    for (const section of frame.value) {
      const kept = this.#section(peer, section, arrival);
      if (kept === undefined) continue;
      // A later section may throw before anybody waits for this one.
      kept.catch(() => {});
      (durable ??= []).push(kept);
    }
    return durable === undefined ? undefined : Promise.all(durable).then(() => {});
  }

  #section(peer: Peer, section: Section, arrival: Arrival): Promise<void> | undefined {
    switch (section.type) {
      case "data":
        if (section.class === "durable") return this.#options.inbox().receive(peer, section, arrival);
        peer.receiveLive(section, arrival.path);
        return undefined;
      case "ack":
        if (section.class === "live") peer.onAck(section);
        else this.#durableAck(peer, section.epoch, section.seq);
        return undefined;
      case "refusal":
        this.#refusal(peer, section);
        return undefined;
      case "ephemeral":
        for (const envelope of section.envelopes) this.#ephemeral(peer, envelope, arrival.path);
        return undefined;
      case "receipt":
        this.#options.onReceipt(peer, section);
        return undefined;
      case "hello":
        throw new ParleyError("malformed_frame", { message: "A hello came out of turn." });
    }
  }

  #durableAck(peer: Peer, epoch: string, seq: number): void {
    this.#options.streams().ofEpoch(peer.member.member, epoch)?.onAck(seq, peer);
    peer.noteAck();
  }

  #refusal(peer: Peer, section: Section & { type: "refusal" }): void {
    const error = new ParleyError(section.code);
    if (section.class === "durable")
      this.#options.streams().ofEpoch(peer.member.member, section.epoch)?.onRefusal(section.seq, error, peer);
    if (!error.retryable) this.#options.onRefused(peer, error);
  }

  /** Hands a live body to whom it concerns. */
  live(peer: Peer, epoch: string, { seq, envelope, body, path }: LiveBody): Promise<void> | void {
    const handle = this.#options.live.get(envelope.kind);
    if (handle !== undefined) return handle(new Live(peer, path, envelope, body, epoch, seq));
    if (envelope.critical && envelope.kind !== envelopeKinds.void)
      peer.refuse({ type: "refusal", class: "live", epoch, seq, code: "unsupported_kind" });
  }

  #ephemeral(peer: Peer, envelope: Envelope, path: Path): void {
    switch (envelope.kind) {
      case envelopeKinds.signal: {
        const signal = decodeJson(signalSchema, textOf(envelope.body), limits.sdpBytes * 2);
        // What is no signal must not take the rest of its frame along.
        if (signal.ok) this.#options.links().onSignal(peer, signal.value);
        else this.#options.onRefused(peer, new ParleyError(signal.code, { message: signal.message }));
        return;
      }
      case envelopeKinds.ping:
        peer.pushEphemeral(
          { ...envelope, kind: envelopeKinds.pong, body: envelope.body.slice(0, 64) },
          path === "relay",
        );
        return;
      case envelopeKinds.pong:
        this.#options.onPong(peer, envelope.body, path);
        return;
      case envelopeKinds.gossip: {
        const gossip = decodeJson(gossipSchema, textOf(envelope.body), limits.frameBytes);
        if (gossip.ok) this.#options.onGossip(peer, gossip.value);
        return;
      }
      default:
        if (envelope.critical) this.#options.onRefused(peer, new ParleyError("unsupported_kind"));
    }
  }
}
