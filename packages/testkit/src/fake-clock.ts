import type { Clock, Timer } from "@parley/core";

interface Pending {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** Timers fired by one `advance`; more mean a timer that starts itself anew without delay. */
const maxTimersPerAdvance = 1_000_000;

/** A clock that moves only when told. Starts at 2026-01-01 unless told otherwise. */
export class FakeClock implements Clock {
  #now: number;
  #monotonic = 0;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return Math.floor(this.#now);
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { due: this.#monotonic + Math.max(delayMs, 0), order: this.#order++, run };
    this.#pending.add(timer);
    return { cancel: () => void this.#pending.delete(timer) };
  }

  /** Does not wait for time to move: the next task comes also while it stands. */
  soon(run: () => void): void {
    setImmediate(run);
  }

  /** Timers that have not fired. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Milliseconds until the next timer; undefined if there is none. */
  get untilNextTimer(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : Math.max(next.due - this.#monotonic, 0);
  }

  /** Moves on and fires what falls due, in order, each at its own time. Promises settle only after it returns. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let fired = 0; this.#fireNext(end); fired++) {
      if (fired === maxTimersPerAdvance) throw new Error("timers without end");
    }
    this.#moveTo(end);
  }

  /** As `advance`, but lets promises settle and tasks run before each timer and at the end. */
  async run(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (let fired = 0; this.#fireNext(end); fired++) {
      if (fired === maxTimersPerAdvance) throw new Error("timers without end");
      await settled();
    }
    this.#moveTo(end);
    await settled();
  }

  /** Sets the wall clock wrong by as much more, as a person or NTP would; timers and `monotonic` take no notice. */
  skew(ms: number): void {
    this.#now += ms;
  }

  #next(): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.#pending) {
      if (next === undefined || timer.due < next.due || (timer.due === next.due && timer.order < next.order))
        next = timer;
    }
    return next;
  }

  #fireNext(end: number): boolean {
    const next = this.#next();
    if (next === undefined || next.due > end) return false;
    this.#pending.delete(next);
    this.#moveTo(Math.max(next.due, this.#monotonic));
    next.run();
    return true;
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}

/** A turn of the event loop: what waits in promises and immediates has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
