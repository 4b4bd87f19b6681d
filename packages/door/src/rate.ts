/** A rate with a burst. Time is handed in, in milliseconds of a clock that never goes back. */
export class Rate {
  readonly #perMs: number;
  readonly #burst: number;
  #left: number;
  #at: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#left = burst;
    this.#at = now;
  }

  /** Takes one, if there is one. */
  take(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** Whether there is one, without taking it. */
  has(now: number): boolean {
    return this.#left + (now - this.#at) * this.#perMs >= 1;
  }

  /** Whether nothing was taken for so long that it is as new. */
  isFull(now: number): boolean {
    return this.#left + (now - this.#at) * this.#perMs >= this.#burst;
  }
}
