/** A rate with a burst. Time is handed in, in milliseconds of a clock that never goes back. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  take(now: number): boolean {
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes `count`, whether they are there or not: what was not there has to come back before the next. */
  spend(count: number, now: number): void {
    this.#refill(now);
    this.#tokens -= count;
  }

  /** Takes one that is there within `mostMs` and says in how many ms; undefined when it takes longer. */
  reserve(now: number, mostMs: number): number | undefined {
    const wait = this.waitMs(now);
    if (wait > mostMs) return undefined;
    this.#tokens--;
    return wait;
  }

  /** Milliseconds until there is a token. */
  waitMs(now: number): number {
    this.#refill(now);
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs);
  }

  /** Whether nothing was taken for so long that it is as new. */
  isFull(now: number): boolean {
    this.#refill(now);
    return this.#tokens >= this.#burst;
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}
