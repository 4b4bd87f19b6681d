/**
 * Notices that the machine slept, or that its wall clock was set on: then the two clocks, which go alike otherwise, come
 * apart, since a monotonic clock may stand still in a sleeping machine. What lay in sockets and links meanwhile is of
 * unknown age, leases and credentials may be over, and nobody listens at the other ends any more.
 */
import type { Clock } from "@parley/core";

export interface SleepWatchOptions {
  readonly clock: Clock;
  /** Called as soon as it is noticed, with the time that the monotonic clock missed, in milliseconds. */
  readonly onSlept: (ms: number) => void;
}

/** Less than what an inbox lease leaves for its push, and more than what a time service moves a clock at once in use. */
const leastMs = 2000;

export class SleepWatch {
  readonly #options: SleepWatchOptions;
  #apart: number;

  constructor(options: SleepWatchOptions) {
    this.#options = options;
    this.#apart = this.#now();
  }

  /** Looks at the clocks: before anything is taken that was under way, and now and then. True when it was noticed now. */
  look(): boolean {
    const apart = this.#now();
    const missed = apart - this.#apart;
    this.#apart = apart;
    if (missed < leastMs) return false;
    this.#options.onSlept(missed);
    return true;
  }

  #now(): number {
    const { clock } = this.#options;
    return clock.now() - clock.monotonic();
  }
}
