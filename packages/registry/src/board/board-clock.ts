import type { Clock, Timer } from "@parley/core";

/** Two looks are so long apart at least. */
const leastMs = 50;

/** Looks at what is due, no later than when it is; one timer for all of it. Milliseconds are by the monotonic clock. */
export class BoardClock {
  readonly #clock: Clock;
  readonly #look: () => void;
  #timer: Timer | undefined;
  #at = Infinity;
  #stopped = false;

  constructor(clock: Clock, look: () => void) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Something is due in so many milliseconds. */
  due(inMs: number): void {
    const at = this.#clock.monotonic() + Math.max(leastMs, inMs);
    if (at >= this.#at || this.#stopped) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = this.#clock.setTimer(Math.max(leastMs, inMs), () => {
      this.#at = Infinity;
      this.#look();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
