import type { NodeCounters } from "./node-counters.ts";

export interface TurnedAwayOptions {
  readonly counters: Pick<NodeCounters, "turnedAway">;
  readonly monotonic: () => number;
  /** An address was turned away for the first time in a minute. */
  readonly onFirst: (address: string, why: string) => void;
}

const windowMs = 60_000;
/** Addresses told of in one minute; who comes after them is only counted. */
const mostAddresses = 1000;

/** Counts what was turned away for its number, and tells of each address once a minute. */
export class TurnedAway {
  readonly #options: TurnedAwayOptions;
  readonly #told = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;

  constructor(options: TurnedAwayOptions) {
    this.#options = options;
  }

  count(why: string, address: string): void {
    const { counters, monotonic, onFirst } = this.#options;
    counters.turnedAway(why);
    const now = monotonic();
    if (now - this.#since >= windowMs) {
      this.#since = now;
      this.#told.clear();
    }
    if (this.#told.has(address) || this.#told.size >= mostAddresses) return;
    this.#told.add(address);
    onFirst(address, why);
  }
}
