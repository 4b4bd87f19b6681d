import type { Clock } from "@parley/core";

interface Lease {
  readonly generation: number;
  /** Monotonic time. */
  until: number;
}

/**
 * Until when each lease runs, in the memory of the node that gave it. After a start of the node every lease runs on for twice its
 * time, so that whoever works on undisturbed can come back first.
 */
export class BoardLeases {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #lifeMs: number;
  readonly #leases = new Map<string, Lease>();

  constructor(clock: Pick<Clock, "monotonic">, lifeMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  /** It was given, or found in the store. */
  begin(task: string, generation: number, found: boolean): void {
    const known = this.#leases.get(task);
    if (known?.generation === generation) return;
    const lifeMs = found ? 2 * this.#lifeMs : this.#lifeMs;
    this.#leases.set(task, { generation, until: this.#clock.monotonic() + lifeMs });
  }

  /** False when there is no such lease. */
  renew(task: string, generation: number): boolean {
    const lease = this.#leases.get(task);
    if (lease?.generation !== generation) return false;
    lease.until = this.#clock.monotonic() + this.#lifeMs;
    return true;
  }

  end(task: string): void {
    this.#leases.delete(task);
  }

  /** Those that have run out. */
  over(): readonly { readonly task: string; readonly generation: number }[] {
    const now = this.#clock.monotonic();
    return [...this.#leases].flatMap(([task, { generation, until }]) => (until <= now ? [{ task, generation }] : []));
  }

  /** Milliseconds until the next one runs out. */
  get nextMs(): number {
    let next = Infinity;
    for (const { until } of this.#leases.values()) next = Math.min(next, until);
    return next - this.#clock.monotonic();
  }
}
