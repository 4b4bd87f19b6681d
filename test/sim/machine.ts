/** The computer that a process runs on: its clock, and how far its network reaches. They outlive the process. */
import { type Clock, maxTimerMs, type Timer } from "@parley/core";

import type { Life, Scheduler } from "./scheduler.ts";

/** When every simulation begins: milliseconds since 1970. */
export const beginning: number = Date.UTC(2026, 0, 1);
/** A task that is asked for is the next but one. */
const soonMs = 0.02;

export interface Machine {
  readonly name: string;
  /** How wrong its wall clock is, and between which bounds it has been. */
  clockOffset: number;
  furthestAhead: number;
  furthestBehind: number;
  /** When its device last proved itself to the registry, and how long the answer took at most. */
  proofSentAt: number;
  slowestWelcomeMs: number;
  /** Nothing leaves it, or nothing comes in. */
  outCut: boolean;
  inCut: boolean;
}

export const makeMachine = (name: string): Machine => ({
  name,
  clockOffset: 0,
  furthestAhead: 0,
  furthestBehind: 0,
  proofSentAt: 0,
  slowestWelcomeMs: 0,
  outCut: false,
  inCut: false,
});

/** Sets a machine's clock wrong. */
export function setClock(machine: Machine, offset: number): void {
  machine.clockOffset = offset;
  machine.furthestAhead = Math.max(machine.furthestAhead, offset);
  machine.furthestBehind = Math.min(machine.furthestBehind, offset);
}

/** A device has its welcome: it knows the registry's time as exactly as that was quick. */
export function noteWelcome(machine: Machine, time: number): void {
  machine.slowestWelcomeMs = Math.max(machine.slowestWelcomeMs, time - machine.proofSentAt);
}

/** The clock of one life on a machine. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #machine: Machine;
  readonly #life: Life;

  constructor(scheduler: Scheduler, machine: Machine, life: Life) {
    this.#scheduler = scheduler;
    this.#machine = machine;
    this.#life = life;
  }

  now(): number {
    return Math.floor(beginning + this.#scheduler.time + this.#machine.clockOffset);
  }

  monotonic(): number {
    return this.#scheduler.time;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const event = this.#scheduler.in(Math.min(Math.max(delayMs, 0), maxTimerMs), this.#life, "timer", run);
    return {
      cancel: () => {
        event.canceled = true;
      },
    };
  }

  soon(run: () => void): void {
    this.#scheduler.in(soonMs, this.#life, "soon", run);
  }
}
