/**
 * An agent's messages are one instance's at a time. What may have reached another one before is marked, because only
 * that one could tell whether it was handled.
 */
import type { OutboundStream } from "@parley/core";
import { envelopeKinds } from "@parley/protocol";

import type { Takers } from "./takers.ts";

export interface RedeliveryMarksOptions {
  readonly stream: OutboundStream;
  readonly takers: Takers;
  /** Everything up to here is in the mailbox. */
  readonly storedUpTo: () => number;
}

export class RedeliveryMarks {
  readonly #options: RedeliveryMarksOptions;
  /** Everything up to here was accepted by an earlier start, and not marked yet as what another instance may have had. */
  #leftUpTo: number;
  /** The instance that the stream goes to. */
  #taker: string | undefined;

  constructor(options: RedeliveryMarksOptions) {
    this.#options = options;
    this.#leftUpTo = options.stream.nextSeq - 1;
  }

  /** Who takes the stream may have changed. */
  refit(): void {
    const { stream, takers, storedUpTo } = this.#options;
    if (!takers.isAgent) return;
    if (takers.takeTurns) {
      // An earlier start may have handed what it left to anybody.
      this.#mark(this.#leftUpTo);
      this.#leftUpTo = 0;
    }
    // The only one it had is one of several when others are enrolled.
    const [taker] = takers.devices;
    if (taker === undefined || taker === this.#taker) return;
    const isChange = this.#taker !== undefined || (takers.takeTurns && storedUpTo() >= stream.base);
    this.#taker = taker;
    if (isChange) this.#mark(stream.sentUpTo);
  }

  /** Everything up to here that nobody acknowledged may have been taken where it goes no more. */
  onDropped(carriedUpTo: number): void {
    if (this.#options.takers.takeTurns) this.#mark(carriedUpTo);
  }

  /** What goes to the mailbox again up to here may have been taken from there by another than takes it next. */
  onAgain(upTo: number): void {
    if (this.#options.takers.takeTurns) this.#mark(upTo);
  }

  #mark(upTo: number): void {
    const { stream } = this.#options;
    for (let seq = stream.base; seq <= upTo; seq++) {
      const envelope = stream.at(seq);
      if (envelope !== undefined && envelope.kind !== envelopeKinds.void)
        stream.replace(seq, { ...envelope, redelivered: true });
    }
  }
}
