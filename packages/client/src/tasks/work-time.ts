/** The time that work has: it does not run while somebody else's word is waited for. */
import type { Clock, Timer } from "@parley/core";

export class WorkTime {
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #leftMs: number;
  /** Monotonic time since which it runs. */
  #since: number | undefined;
  #timer: Timer | undefined;

  /** Runs from now on; nothing watches it before `watch`. */
  constructor(clock: Clock, limitMs: number, onOver: () => void) {
    this.#clock = clock;
    this.#leftMs = limitMs;
    this.#onOver = onOver;
    this.#since = clock.monotonic();
  }

  get isPaused(): boolean {
    return this.#since === undefined;
  }

  /** Milliseconds; below 0 when it is over. */
  get leftMs(): number {
    return this.#since === undefined ? this.#leftMs : this.#leftMs - (this.#clock.monotonic() - this.#since);
  }

  /** Milliseconds since 1970 at which it is over, if nothing holds it up from now on. */
  get deadline(): number {
    return Math.round(this.#clock.now() + this.leftMs);
  }

  /** Calls `onOver` when it is over. */
  watch(): void {
    if (this.#since === undefined) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(Math.max(0, this.leftMs), this.#onOver);
  }

  pause(): void {
    if (this.#since === undefined) return;
    this.#leftMs = this.leftMs;
    this.#since = undefined;
    this.stop();
  }

  goOn(): void {
    if (this.#since !== undefined) return;
    this.#since = this.#clock.monotonic();
    this.watch();
  }

  /** Nobody is told any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
