/** How bodies enter a durable stream: numbered in the order of the calls, written, and only then sent. */
import type { OutboundStream } from "@parley/core";
import { type Envelope, toParleyError } from "@parley/protocol";

import type { OutboxPage } from "./outbox-page.ts";
import type { OutboxRoom } from "./outbox-room.ts";
import { voidEnvelope } from "./void-envelope.ts";

export interface OutboxIntakeOptions {
  readonly stream: OutboundStream;
  readonly page: OutboxPage;
  readonly room: OutboxRoom;
  readonly now: () => number;
  readonly monotonic: () => number;
  /** Something more waits to leave. */
  readonly onEntered: () => void;
}

/** A body that has its numbers and is being written. */
interface Entering {
  readonly firstSeq: number;
  /** Monotonic time when it began. */
  readonly started: number;
  readonly entered: Promise<void>;
}

export class OutboxIntake {
  readonly #options: OutboxIntakeOptions;
  #nextSeq: number;
  /** Bodies enter the stream one after the other. */
  #entering: Promise<void> = Promise.resolve();

  constructor(options: OutboxIntakeOptions) {
    this.#options = options;
    this.#nextSeq = options.stream.nextSeq;
  }

  /** Resolves with the first number of a body, and when it began, once it is on disk. */
  async take(
    envelopes: readonly Envelope[],
    bytes: number,
    signal: AbortSignal | undefined,
  ): Promise<Omit<Entering, "entered">> {
    const begun = this.#options.room.inTurn(() => this.#begin(envelopes, bytes), signal);
    const { entered, ...body } = begun instanceof Promise ? await begun : begun;
    await entered;
    return body;
  }

  #begin(envelopes: readonly Envelope[], bytes: number): Entering {
    const { page, room, monotonic } = this.#options;
    const started = monotonic();
    const firstSeq = this.#nextSeq;
    this.#nextSeq += envelopes.length;
    room.reserve(envelopes.length, bytes);
    const written = page.append(firstSeq, envelopes);
    const entered = this.#entering.then(async () => {
      const results = await written;
      room.release(envelopes.length, bytes);
      this.#enter(firstSeq, envelopes, results);
    });
    this.#entering = entered.catch(() => {});
    return { firstSeq, started, entered };
  }

  /**
   * Disk first, then the stream, whole or not at all. A number whose write failed is a void once a higher one is on
   * disk; until then it is given again, because the next start would give it again too.
   */
  #enter(firstSeq: number, envelopes: readonly Envelope[], written: readonly PromiseSettledResult<void>[]): void {
    const { stream, page, room, now, onEntered } = this.#options;
    const failed = written.find((result) => result.status === "rejected");
    const onDisk =
      failed === undefined ? envelopes.length : written.findLastIndex((result) => result.status === "fulfilled") + 1;
    if (onDisk > 0) while (stream.nextSeq < firstSeq) stream.push(voidEnvelope(now()));
    for (const [index, envelope] of envelopes.slice(0, onDisk).entries()) {
      stream.push(failed === undefined ? envelope : voidEnvelope(envelope.created));
      if (failed !== undefined && written[index]?.status === "fulfilled") page.drop(firstSeq + index);
    }
    if (onDisk > 0) onEntered();
    if (failed === undefined) return;
    if (this.#nextSeq === firstSeq + envelopes.length) this.#nextSeq = stream.nextSeq;
    room.wake();
    throw toParleyError(failed.reason);
  }
}
