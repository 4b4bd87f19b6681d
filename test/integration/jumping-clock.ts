import { closeSync, openSync, readSync, writeSync } from "node:fs";

import { type Clock, systemClock, type Timer } from "@parley/core";

/** By how much a clock is ahead of the platform's, in milliseconds. */
export interface Moves {
  readonly wall: number;
  /** A machine that was suspended may have it stand still meanwhile (Linux) or jump with the wall clock (others). */
  readonly monotonic: number;
}

/** Moves in a file, so that the clock of a process that stands still can be moved before it goes on. */
export class MovesFile {
  readonly #file: number;
  readonly #bytes = Buffer.alloc(16);

  constructor(path: string) {
    this.#file = openSync(path, "a+");
    closeSync(this.#file);
    this.#file = openSync(path, "r+");
  }

  read = (): Moves => {
    this.#bytes.fill(0);
    readSync(this.#file, this.#bytes, 0, 16, 0);
    return { wall: this.#bytes.readDoubleLE(0), monotonic: this.#bytes.readDoubleLE(8) };
  };

  write({ wall, monotonic }: Moves): void {
    this.#bytes.writeDoubleLE(wall, 0);
    this.#bytes.writeDoubleLE(monotonic, 8);
    writeSync(this.#file, this.#bytes, 0, 16, 0);
  }
}

interface Pending {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
  timer: Timer;
}

const lookMs = 20;

/** The platform's clock moved on by as much as `moves` says at each moment; timers that fall due by that fire. */
export class JumpingClock implements Clock {
  readonly #moves: () => Moves;
  readonly #pending = new Set<Pending>();
  #order = 0;
  #seen: number;

  constructor(moves: () => Moves) {
    this.#moves = moves;
    this.#seen = moves().monotonic;
    setInterval(() => this.#look(), lookMs).unref();
  }

  now(): number {
    return systemClock.now() + this.#moves().wall;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#moves().monotonic;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const due = this.monotonic() + Math.max(delayMs, 0);
    const pending: Pending = { due, order: this.#order++, run, timer: { cancel: () => undefined } };
    this.#pending.add(pending);
    pending.timer = systemClock.setTimer(delayMs, () => this.#fire(pending));
    return {
      cancel: () => {
        this.#pending.delete(pending);
        pending.timer.cancel();
      },
    };
  }

  soon(run: () => void): void {
    systemClock.soon(run);
  }

  #fire(pending: Pending): void {
    pending.timer.cancel();
    if (this.#pending.delete(pending)) pending.run();
  }

  #look(): void {
    const { monotonic } = this.#moves();
    if (monotonic === this.#seen) return;
    this.#seen = monotonic;
    const now = this.monotonic();
    const inOrder = [...this.#pending].toSorted((one, other) => one.due - other.due || one.order - other.order);
    for (const pending of inOrder) {
      pending.timer.cancel();
      pending.timer = systemClock.setTimer(pending.due - now, () => this.#fire(pending));
    }
  }
}
