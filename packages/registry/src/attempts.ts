import { ParleyError } from "@parley/protocol";

import { addressGroup } from "./address-group.ts";

const windowMs = 60_000;
/** Addresses remembered within one window. */
const mostAddresses = 10_000;

export interface AttemptBounds {
  readonly perAddress: number;
  readonly inTotal: number;
}

/** Attempts to use a secret, counted a minute at a time for each source, see `addressGroup`, and in total. */
export class Attempts {
  readonly #bounds: AttemptBounds;
  readonly #monotonic: () => number;
  #windowStart = -Infinity;
  #total = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(bounds: AttemptBounds, monotonic: () => number) {
    this.#bounds = bounds;
    this.#monotonic = monotonic;
  }

  /** Counts one, of IPv6 for the whole /64. Throws `rate_limited` when there were too many. */
  count(from: string): void {
    const address = addressGroup(from);
    const now = this.#monotonic();
    if (now - this.#windowStart >= windowMs) {
      this.#windowStart = now;
      this.#total = 0;
      this.#byAddress.clear();
    }
    const source = addressGroup(address);
    const own = this.#byAddress.get(source) ?? 0;
    const crowded = own === 0 && this.#byAddress.size >= mostAddresses;
    if (own >= this.#bounds.perAddress || this.#total >= this.#bounds.inTotal || crowded) {
      throw new ParleyError("rate_limited", { message: "Too many attempts; wait a minute." });
    }
    this.#byAddress.set(source, own + 1);
    this.#total++;
  }

  /** Takes one back that turned out to be right. */
  forgive(address: string): void {
    const own = this.#byAddress.get(address);
    if (own === undefined || own === 0) return;
    this.#byAddress.set(address, own - 1);
    this.#total--;
  }
}
