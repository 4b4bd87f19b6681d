import { createHmac } from "node:crypto";

import type { Random } from "@parley/core";

/** Keys that are remembered, and how long after they were verified. */
const mostVerified = 1024;
const verifiedMs = 300_000;

interface Verified {
  readonly id: string;
  readonly until: number;
}

/**
 * API keys that were verified a short while ago, so that a script is not made to wait for a slow hash each time. Known by
 * a MAC under a key of this process: what is in memory gives no key away.
 */
export class VerifiedKeys {
  readonly #secret: Uint8Array;
  readonly #monotonic: () => number;
  /** Oldest first. */
  readonly #byMac = new Map<string, Verified>();

  constructor(random: Random, monotonic: () => number) {
    this.#secret = random.bytes(32);
    this.#monotonic = monotonic;
  }

  has(text: string, id: string): boolean {
    const mac = this.#mac(text);
    const verified = this.#byMac.get(mac);
    if (verified === undefined || verified.id !== id) return false;
    if (verified.until > this.#monotonic()) return true;
    this.#byMac.delete(mac);
    return false;
  }

  add(text: string, id: string): void {
    const mac = this.#mac(text);
    this.#byMac.delete(mac);
    if (this.#byMac.size >= mostVerified) this.#byMac.delete(this.#byMac.keys().next().value ?? "");
    this.#byMac.set(mac, { id, until: this.#monotonic() + verifiedMs });
  }

  /** Forgets a key that has ended. */
  remove(id: string): void {
    for (const [mac, verified] of this.#byMac) if (verified.id === id) this.#byMac.delete(mac);
  }

  #mac(text: string): string {
    return createHmac("sha256", this.#secret).update(text).digest("base64");
  }
}
