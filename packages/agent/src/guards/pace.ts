/** How fast messages, mentions and calls may reach the program: from one member, in one channel, in all. */
import { RateGate } from "@parley/core";

import type { ManifestContent } from "../manifest-schema.ts";

/** From whom, or where, something comes: a member's id, or `#<channel id>`. */
export type PaceKey = string;

export class Pace {
  readonly #gates: { readonly sender: RateGate; readonly channel: RateGate; readonly total: RateGate };

  constructor({ sender, channel, total }: ManifestContent["guards"]["perMinute"]) {
    this.#gates = {
      sender: new RateGate({ perMinute: sender }),
      channel: new RateGate({ perMinute: channel }),
      total: new RateGate({ perMinute: total, most: 1 }),
    };
  }

  /** Milliseconds until the next may come; 0 for now, which counts it. `now` by a clock that never goes back. */
  take(key: PaceKey, now: number): number {
    const { sender, channel, total } = this.#gates;
    const own = key.startsWith("#") ? channel : sender;
    const waitMs = Math.max(own.waitMs(key, now), total.waitMs("", now));
    if (waitMs > 0) return waitMs;
    own.take(key, now);
    total.take("", now);
    return 0;
  }
}
