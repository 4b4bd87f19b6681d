/** Bodies of messages that carry their number, and the check that all of them came, in order. */

/** Bodies in turn; one may be used again when `count` later ones were taken. */
export class CountedBodies {
  readonly #ring: readonly Uint8Array[];
  #next = 0;

  constructor(size: number, count: number) {
    this.#ring = Array.from({ length: count }, () => new Uint8Array(size).fill(7));
  }

  get taken(): number {
    return this.#next;
  }

  next(): Uint8Array {
    const number = this.#next++;
    const body = this.#ring[number % this.#ring.length] ?? new Uint8Array(0);
    body[0] = number;
    body[1] = number >>> 8;
    body[2] = number >>> 16;
    body[3] = number >>> 24;
    return body;
  }
}

/** What a receiver saw of one run. */
export interface Arrivals {
  readonly count: number;
  /** From the first message to the last, in ms. */
  readonly ms: number;
  /** Messages that were not the one after the one before. */
  readonly misplaced: number;
}

/** A body of one byte ends a run. */
export const endOfRun = new Uint8Array(1);
const patienceMs = 60_000;

/** Counts one run of messages at the receiving handler. */
export class Counter {
  #count = 0;
  #misplaced = 0;
  #started = 0;
  #end = Promise.withResolvers<number>();

  /** Forgets the run before. */
  reset(): void {
    this.#count = 0;
    this.#misplaced = 0;
    this.#end = Promise.withResolvers<number>();
  }

  take(body: Uint8Array): void {
    if (body.length === 1) {
      this.end();
      return;
    }
    this.count(((body[0] ?? 0) | ((body[1] ?? 0) << 8) | ((body[2] ?? 0) << 16) | ((body[3] ?? 0) << 24)) >>> 0);
  }

  /** Message number `number` has come. */
  count(number: number): void {
    if (this.#count === 0) this.#started = performance.now();
    if (number !== this.#count) this.#misplaced++;
    this.#count++;
  }

  end(): void {
    this.#end.resolve(performance.now());
  }

  /** Resolves after the end of the run. Rejects when it does not come within a minute. */
  async arrivals(): Promise<Arrivals> {
    const timer = setTimeout(
      () => this.#end.reject(new Error(`The end of a run did not come; ${this.#count} messages did.`)),
      patienceMs,
    );
    const ended = await this.#end.promise;
    clearTimeout(timer);
    return { count: this.#count, ms: ended - this.#started, misplaced: this.#misplaced };
  }
}
