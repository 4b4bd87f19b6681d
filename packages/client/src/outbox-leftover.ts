/** What an earlier start of this device left in the outbox of one stream. */
import { type Envelope, isEndState } from "@parley/protocol";

import type { DeliveryState } from "./delivery.ts";
import { voidEnvelope } from "./void-envelope.ts";

export interface LeftEnvelope {
  readonly seq: number;
  readonly envelope: Envelope;
  readonly state?: DeliveryState;
}

/** A body with the number of its first envelope, and its last envelope. */
export interface LeftBody extends LeftEnvelope {
  readonly firstSeq: number;
}

/** It ended before the last start, which only did not come to take it out. */
export const isOver = (state: DeliveryState | undefined): state is DeliveryState =>
  state !== undefined && isEndState(state);

export class OutboxLeftover {
  /** Number of the first envelope that is to be sent. */
  readonly firstSeq: number;
  /** The beginning of a body whose end was never written: nobody accepted it. */
  readonly half: readonly LeftEnvelope[];
  readonly #whole: readonly LeftEnvelope[];
  readonly #lastSeq: number;

  /** `lastSeq` is the highest number ever given. */
  constructor(left: readonly LeftEnvelope[], lastSeq: number) {
    const end = left.findLastIndex(({ envelope }) => !envelope.more) + 1;
    this.firstSeq = left[0]?.seq ?? lastSeq + 1;
    this.half = left.slice(end);
    this.#whole = left.slice(0, end);
    this.#lastSeq = lastSeq;
  }

  /** What is to be sent, number by number. What was dropped left a hole, which a void fills so that the order holds. */
  *envelopes(now: number): Generator<Envelope> {
    const bySeq = new Map(this.#whole.map(({ seq, envelope, state }) => [seq, isOver(state) ? undefined : envelope]));
    for (let seq = this.firstSeq; seq <= this.#lastSeq; seq++) yield bySeq.get(seq) ?? voidEnvelope(now);
  }

  *bodies(): Generator<LeftBody> {
    let firstSeq: number | undefined;
    for (const left of this.#whole) {
      firstSeq ??= left.seq;
      if (left.envelope.more) continue;
      yield { ...left, firstSeq };
      firstSeq = undefined;
    }
  }
}
