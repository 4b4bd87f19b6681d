import type { Clock } from "@parley/core";

import type { RegistryBounds } from "./bounds.ts";

/** When a session's device was heard and pinged, and what its silence means. */
export class SessionPulse {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #bounds: Pick<RegistryBounds, "staleMs" | "lostMs">;
  #heardAt: number;
  #pingedAt: number;
  #isStale = false;

  constructor(clock: Pick<Clock, "monotonic">, bounds: Pick<RegistryBounds, "staleMs" | "lostMs">) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#heardAt = clock.monotonic();
    this.#pingedAt = this.#heardAt;
  }

  /** Monotonic time. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Something came from the device. True when it was stale until now. */
  heard(): boolean {
    this.#heardAt = this.#clock.monotonic();
    const wasStale = this.#isStale;
    this.#isStale = false;
    return wasStale;
  }

  /** What the silence came to just now, if to anything new. */
  check(): "stale" | "lost" | undefined {
    const silence = this.#clock.monotonic() - this.#heardAt;
    if (silence >= this.#bounds.lostMs) return "lost";
    if (silence < this.#bounds.staleMs || this.#isStale) return undefined;
    this.#isStale = true;
    return "stale";
  }

  /** Whether it is time for a ping again, which is then counted as sent. */
  takePing(pauseMs: number): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#pingedAt < pauseMs) return false;
    this.#pingedAt = now;
    return true;
  }
}
