import { type Clock, systemClock, type Timer } from "@parley/core";

/** The platform's clock with its wall time moved by as much as a test says. */
export class MovedClock implements Clock {
  moved = 0;

  now(): number {
    return systemClock.now() + this.moved;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return systemClock.setTimer(delayMs, run);
  }

  soon(run: () => void): void {
    systemClock.soon(run);
  }
}
