/**
 * The reading half of a live stream: envelopes in order, to handlers that may take their time. What was not handled is
 * not acknowledged, so a slow handler slows its sender, and nobody else.
 */
import { ChunkJoiner, InboundStream } from "@parley/core";
import type { DataSection, Envelope, Path } from "@parley/protocol";
import { limits } from "@parley/protocol";

/** A whole body with the number of its last envelope. */
export interface LiveBody {
  readonly seq: number;
  readonly envelope: Envelope;
  /** Valid until the handler returned or its promise settled. */
  readonly body: Uint8Array;
  readonly path: Path;
}

export interface LiveInboxOptions {
  /** Handles one body; the next one waits for a promise. */
  readonly handle: (body: LiveBody) => Promise<void> | void;
  /** Everything up to here was handled. */
  readonly onHandled: (seq: number) => void;
  readonly onRefused: (seq: number, error: unknown) => void;
}

/** What waits for a handler: no sender that keeps the bounds has more under way. */
const mostWaiting = limits.unackedEnvelopes + limits.chunks;
const mostWaitingBytes = limits.unackedBytes + limits.envelopeBytes;

export class LiveInbox {
  readonly #options: LiveInboxOptions;
  readonly #stream = new InboundStream();
  readonly #joiner = new ChunkJoiner();
  /** Copied out of their frames: they wait for the handler of one before them. */
  #waiting: { readonly seq: number; readonly envelope: Envelope; readonly path: Path }[] = [];
  #waitingBytes = 0;
  #busy = false;
  #handled = 0;

  constructor(options: LiveInboxOptions) {
    this.#options = options;
  }

  /** Something was received that a handler still has to take. */
  get isBusy(): boolean {
    return this.#busy;
  }

  get handled(): number {
    return this.#handled;
  }

  /** What is more than may wait is dropped as if it had not come: it is not acknowledged. */
  receive(section: DataSection, path: Path): void {
    if (this.#waiting.length >= mostWaiting || this.#waitingBytes >= mostWaitingBytes) return;
    const ready = this.#stream.receive(section);
    for (const { seq, envelope } of ready) {
      if (!this.#busy) this.#take(seq, envelope, path);
      else {
        this.#waiting.push({ seq, envelope: { ...envelope, body: envelope.body.slice() }, path });
        this.#waitingBytes += envelope.body.length;
      }
    }
    if (this.#busy) return;
    this.#handled = Math.max(this.#handled, this.#stream.received);
    this.#options.onHandled(this.#handled);
  }

  #take(seq: number, envelope: Envelope, path: Path): void {
    try {
      const body = this.#joiner.take(envelope);
      if (body !== undefined) {
        const handled = this.#options.handle({ seq, envelope, body, path });
        if (handled instanceof Promise) {
          this.#wait(handled, seq);
          return;
        }
      }
    } catch (error) {
      this.#options.onRefused(seq, error);
    }
    this.#handled = seq;
  }

  #wait(handled: Promise<void>, seq: number): void {
    this.#busy = true;
    handled
      .catch((error: unknown) => this.#options.onRefused(seq, error))
      .then(() => {
        this.#busy = false;
        this.#handled = seq;
        this.#goOn();
      })
      .catch((error: unknown) => this.#options.onRefused(seq, error));
  }

  #goOn(): void {
    let taken = 0;
    while (!this.#busy) {
      const next = this.#waiting[taken];
      if (next === undefined) break;
      taken++;
      this.#waitingBytes -= next.envelope.body.length;
      this.#take(next.seq, next.envelope, next.path);
    }
    this.#waiting = this.#waiting.slice(taken);
    if (!this.#busy) this.#handled = Math.max(this.#handled, this.#stream.received);
    this.#options.onHandled(this.#handled);
  }
}
