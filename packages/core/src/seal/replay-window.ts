/** Remembers which counters of one context were seen, in a sliding window (the idea of RFC 4303 section 3.4.3). */
export class ReplayWindow {
  static readonly size = 4096;
  #highest = 0;
  readonly #seen = new Set<number>();

  /** True the first time a counter is shown; false when it was seen or is too old to tell. */
  take(counter: number): boolean {
    if (counter <= this.#highest - ReplayWindow.size || this.#seen.has(counter)) return false;
    this.#seen.add(counter);
    if (counter > this.#highest) this.#highest = counter;
    if (this.#seen.size > ReplayWindow.size * 2) this.#prune();
    return true;
  }

  #prune(): void {
    for (const counter of this.#seen) if (counter <= this.#highest - ReplayWindow.size) this.#seen.delete(counter);
  }
}
