/** Takes frames apart and hands each envelope to whom it concerns, whichever path it came by. */
import { ChunkJoiner } from "@parley/core";
import {
  type DataSection,
  decodeFrame,
  decodeJson,
  type Envelope,
  envelopeId,
  envelopeKindOf,
  envelopeKinds,
  type Gossip,
  gossipSchema,
  limits,
  ParleyError,
  type Path,
  type Section,
  signalSchema,
  toParleyError,
} from "@parley/protocol";

import { textOf } from "./body.ts";
import type { Inbox } from "./inbox.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";

/** A live envelope in the hands of a program. */
export interface LiveEnvelope {
  readonly id: string;
  readonly peer: Peer;
  readonly path: Path;
  readonly created: number;
  /** Valid during the call only: copy it to keep it. */
  readonly body: Uint8Array;
}

export interface SectionHandlerOptions {
  readonly peers: () => Peers;
  readonly inbox: () => Inbox;
  /** Handlers of live envelopes by kind number. */
  readonly live: ReadonlyMap<number, (envelope: LiveEnvelope) => void>;
  readonly onPong: (peer: Peer, body: Uint8Array, path: Path) => void;
  readonly onGossip: (peer: Peer, gossip: Gossip) => void;
  readonly onRefused: (peer: Peer, error: ParleyError) => void;
}

const mostJoiners = 4096;

/** Live envelopes are made lazily: on a busy stream most handlers read only the body. */
class Live implements LiveEnvelope {
  readonly peer: Peer;
  readonly path: Path;
  readonly body: Uint8Array;
  readonly created: number;
  readonly #epoch: string;
  readonly #seq: number;

  constructor(peer: Peer, path: Path, envelope: Envelope, body: Uint8Array, epoch: string, seq: number) {
    this.peer = peer;
    this.path = path;
    this.created = envelope.created;
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
  readonly #joiners = new Map<string, ChunkJoiner>();

  constructor(options: SectionHandlerOptions) {
    this.#options = options;
  }

  /** Handles one frame. Resolves when its durable part is on disk; rejects with a coded error when it is malformed or was not kept. */
  frame(peer: Peer, bytes: Uint8Array, path: Path): Promise<void> | void {
    const frame = decodeFrame(bytes);
    if (!frame.ok) throw new ParleyError(frame.code, { message: frame.message });
    let durable: Promise<void>[] | undefined;
    for (const section of frame.value) {
      const kept = this.#section(peer, section, path);
      if (kept === undefined) continue;
      // A later section may throw before anybody waits for this one.
      kept.catch(() => {});
      (durable ??= []).push(kept);
    }
    return durable === undefined ? undefined : Promise.all(durable).then(() => {});
  }

  #section(peer: Peer, section: Section, path: Path): Promise<void> | undefined {
    switch (section.type) {
      case "data":
        if (section.class === "durable") return this.#options.inbox().receive(peer, section, path);
        this.#live(peer, section, path);
        return undefined;
      case "ack":
        if (section.class === "live") peer.onAck(section);
        else this.#durableAck(peer, section.epoch, section.seq);
        return undefined;
      case "refusal":
        this.#refusal(peer, section);
        return undefined;
      case "ephemeral":
        for (const envelope of section.envelopes) this.#ephemeral(peer, envelope, path);
        return undefined;
      case "hello":
        throw new ParleyError("malformed_frame", { message: "A hello came out of turn." });
    }
  }

  #durableAck(peer: Peer, epoch: string, seq: number): void {
    const stream = this.#options.peers().durable(peer.member.member);
    if (stream.stream.epoch === epoch) stream.onAck(seq, peer.device);
    peer.noteAck();
  }

  #refusal(peer: Peer, section: Section & { type: "refusal" }): void {
    const error = new ParleyError(section.code);
    if (section.class === "durable")
      this.#options.peers().durable(peer.member.member).onRefusal(section.seq, error, peer.device);
    this.#options.onRefused(peer, error);
  }

  #live(peer: Peer, section: DataSection, path: Path): void {
    for (const { seq, envelope } of peer.receiveLive(section)) {
      const body =
        envelope.more || this.#joiners.has(section.epoch) ? this.#join(section.epoch, envelope) : envelope.body;
      if (body === undefined) continue;
      const handle = this.#options.live.get(envelope.kind);
      if (handle !== undefined) this.#hand(handle, new Live(peer, path, envelope, body, section.epoch, seq));
      else if (
        envelope.critical &&
        (envelopeKindOf(envelope.kind) === undefined || envelope.kind !== envelopeKinds.void)
      ) {
        peer.refuse({ type: "refusal", class: "live", epoch: section.epoch, seq, code: "unsupported_kind" });
      }
    }
  }

  /** The rest of the frame is acknowledged already: a handler that throws must not take it along. */
  #hand(handle: (envelope: LiveEnvelope) => void, envelope: Live): void {
    try {
      handle(envelope);
    } catch (error) {
      this.#options.onRefused(envelope.peer, toParleyError(error));
    }
  }

  #join(epoch: string, envelope: Envelope): Uint8Array | undefined {
    let joiner = this.#joiners.get(epoch);
    if (joiner === undefined) {
      if (this.#joiners.size >= mostJoiners) this.#joiners.delete(this.#joiners.keys().next().value ?? "");
      joiner = new ChunkJoiner();
      this.#joiners.set(epoch, joiner);
    }
    const body = joiner.take(envelope);
    if (!joiner.isOpen) this.#joiners.delete(epoch);
    return body;
  }

  #ephemeral(peer: Peer, envelope: Envelope, path: Path): void {
    switch (envelope.kind) {
      case envelopeKinds.signal: {
        const signal = decodeJson(signalSchema, textOf(envelope.body), limits.sdpBytes * 2);
        if (!signal.ok) throw new ParleyError(signal.code, { message: signal.message });
        this.#options.peers().onSignal(peer, signal.value);
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
