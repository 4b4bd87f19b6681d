import type { Clock } from "@parley/core";
import { type Envelope, envelopeKinds, maxChunkBytes, ParleyError } from "@parley/protocol";

import type { AllowedPaths, Sender } from "./delivery.ts";
import type { Peer } from "./peer.ts";

/** A program's own live stream of bytes to one device: ordered, acknowledged, memory only. */
export class LiveStreamWriter {
  readonly #peer: Peer;
  readonly #clock: Clock;
  readonly #paths: AllowedPaths | undefined;

  constructor(peer: Peer, clock: Clock, paths: AllowedPaths | undefined) {
    this.#peer = peer;
    this.#clock = clock;
    this.#paths = paths;
  }

  get to(): Sender {
    return this.#peer.sender;
  }

  /**
   * Writes one message of at most 48 KiB. False when the stream is full and nothing was taken: await `room`, then write
   * it again. The bytes must not change until they are acknowledged. Throws `too_large`.
   */
  write(body: Uint8Array): boolean {
    if (body.length > maxChunkBytes)
      throw new ParleyError("too_large", { message: `A message of a live stream has at most ${maxChunkBytes} bytes.` });
    const envelope: Envelope = {
      kind: envelopeKinds.data,
      critical: true,
      more: false,
      created: this.#clock.now(),
      ttl: 0,
      hops: 0,
      trace: undefined,
      origin: undefined,
      body,
    };
    return this.#peer.pushLive([envelope], this.#paths);
  }

  /** Resolves when `write` takes more. */
  room(): Promise<void> {
    return this.#peer.room(this.#paths);
  }

  /** Messages written and not acknowledged. */
  get unacked(): number {
    return this.#peer.unackedLive(this.#paths);
  }
}

/** A message of another device's live stream. */
export interface LiveMessage {
  readonly id: string;
  readonly from: Sender;
  /** Valid during the call only. */
  readonly body: Uint8Array;
}
