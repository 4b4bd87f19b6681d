/** What the journal keeps of one outgoing stream. Nobody waits for what is noted there, but it is made. */
import type { DeliveryFact, Journal } from "@parley/core";
import type { Envelope } from "@parley/protocol";

import type { WriteAgain } from "./write-again.ts";

export interface OutboxPageOptions {
  /** Under which the journal keeps the stream: the member, or the member and a rule of paths. */
  readonly key: string;
  readonly epoch: string;
  readonly journal: Journal;
  readonly writes: WriteAgain;
  /** Wall time, ms since 1970. */
  readonly now: () => number;
}

export class OutboxPage {
  readonly #options: OutboxPageOptions;

  constructor(options: OutboxPageOptions) {
    this.#options = options;
  }

  /** Writes the envelopes of a body; resolves with what became of each. */
  append(firstSeq: number, envelopes: readonly Envelope[]): Promise<readonly PromiseSettledResult<void>[]> {
    const { journal, key, epoch, now } = this.#options;
    const at = now();
    return Promise.allSettled(
      envelopes.map((envelope, index) =>
        journal.appendOutbox({ recipient: key, seq: firstSeq + index, epoch, at, envelope }),
      ),
    );
  }

  /** Notes a fact of a range of numbers, with the receipt that proves it; `done` is called once it is on disk. */
  note(from: number, to: number, fact: DeliveryFact, receipt?: Uint8Array, done?: () => void): void {
    const { journal, writes, key } = this.#options;
    writes.run(() => journal.noteOutbox(key, from, to, fact, receipt), done);
  }

  /** One envelope is not to be sent any more. */
  drop(seq: number): void {
    const { journal, writes, key } = this.#options;
    writes.run(() => journal.dropOutbox(key, seq));
  }

  /** Nobody needs anything up to here any more. */
  settle(upTo: number): void {
    const { journal, writes, key } = this.#options;
    writes.run(() => journal.settleOutbox(key, upTo));
  }
}
