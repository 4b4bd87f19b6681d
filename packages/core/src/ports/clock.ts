/**
 * Clock and Random: time and chance, handed to everything that needs them so that a seeded simulation can own both.
 *
 * Contract:
 * - `now` is wall time and may jump either way. Use it for what others read: timestamps, expiry, leases.
 * - `monotonic` never goes back and has an arbitrary zero. Use it for durations; never store or send it.
 * - A timer fires once, not before its delay, from a fresh task, in order of due time. `cancel` after firing does nothing.
 * - `Random` gives bytes fit for keys, unless it is the seeded one of the testkit.
 */

/** A pending timer. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970, whole. */
  now(): number;
  /** Milliseconds since some start, with a fraction. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`, which is clamped to 0 … `maxTimerMs`. */
  setTimer(delayMs: number, run: () => void): Timer;
  /** Calls `run` once, from a fresh task, as soon as the current one and what it left to settle are done. */
  soon(run: () => void): void;
}

export interface Random {
  /** `count` fresh bytes, at most 1 MiB. */
  bytes(count: number): Uint8Array<ArrayBuffer>;
}

/** The longest delay that every JavaScript engine keeps: 2^31 - 1 ms, about 24 days. */
export const maxTimerMs = 2_147_483_647;
