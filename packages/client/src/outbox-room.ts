/** Room in the outbox of one stream: whoever finds none waits for it, in the order of the calls. */
import type { OutboundStream } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

/** A caller who waits: goes on, or learns that this device stopped. */
interface Waiter {
  readonly goOn: () => void;
  readonly stop: () => void;
}

export class OutboxRoom {
  readonly #stream: OutboundStream;
  #waiting: Waiter[] = [];
  /** Envelopes and bytes that are being written and will enter: they take up room already. */
  #envelopes = 0;
  #bytes = 0;

  constructor(stream: OutboundStream) {
    this.#stream = stream;
  }

  get #isLeft(): boolean {
    return (
      this.#stream.unackedCount + this.#envelopes < limits.unackedEnvelopes &&
      this.#stream.unackedBytes + this.#bytes < limits.unackedBytes
    );
  }

  /** Keeps room for a body until it has entered. */
  reserve(envelopes: number, bytes: number): void {
    this.#envelopes += envelopes;
    this.#bytes += bytes;
  }

  release(envelopes: number, bytes: number): void {
    this.#envelopes -= envelopes;
    this.#bytes -= bytes;
  }

  /** Begins something at once, or when there is room and nobody waits who came before, until `signal` aborts. */
  inTurn<Begun>(begin: () => Begun, signal: AbortSignal | undefined): Begun | Promise<Begun> {
    return this.#waiting.length === 0 && this.#isLeft ? begin() : this.#wait(begin, signal);
  }

  /** Something left: whoever waits goes on, as far as there is room. */
  wake(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#isLeft; next = this.#waiting[0]) next.goOn();
  }

  stop(): void {
    for (const waiter of this.#waiting) waiter.stop();
  }

  #wait<Begun>(begin: () => Begun, signal: AbortSignal | undefined): Promise<Begun> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const done = (): void => {
        signal?.removeEventListener("abort", onAbort);
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
      };
      const onAbort = (): void => {
        done();
        reject(signal?.reason instanceof Error ? signal.reason : new ParleyError("canceled"));
      };
      const waiter: Waiter = {
        goOn: () => {
          done();
          resolve(begin());
        },
        stop: () => {
          done();
          reject(new ParleyError("closed"));
        },
      };
      this.#waiting.push(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
