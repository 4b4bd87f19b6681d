import type { Clock } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { TimeLimit, type WaitFor } from "./time-limit.ts";

interface Slot {
  readonly end: (reason: unknown) => void;
  readonly done: Promise<void>;
}

/** After the reason to end is known, this long a skill may tidy up before a stop goes on without it. */
const tidyMs = 1_000;

/** The tasks at work: how many at once, until when, and their end when the agent stops. */
export class TaskSlots {
  readonly #clock: Clock;
  /** How many at once. */
  most: number;
  readonly #slots = new Set<Slot>();
  #stopping = false;

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.most = most;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Throws `limit_reached` when every slot is taken and `closed` once the agent stops. */
  check(): void {
    if (this.#stopping) throw new ParleyError("closed", { message: "The agent is stopping; ask another one." });
    if (this.#slots.size < this.most) return;
    throw new ParleyError("limit_reached", {
      message: `The agent works on ${this.most} tasks, its limit; try again soon.`,
    });
  }

  /**
   * Runs work in a slot, for at most `limitMs`. Rejects with `timeout` or the reason of `signal` even when the work does
   * not listen, and no time runs while it waits for somebody's word; the slot stays taken until the work has really ended, so that what hangs cannot pile up.
   */
  async run<Result>(
    limitMs: number,
    signal: AbortSignal,
    work: (signal: AbortSignal, waitFor: WaitFor) => Promise<Result>,
  ): Promise<Result> {
    this.check();
    const controller = new AbortController();
    const ended = Promise.withResolvers<never>();
    // By hand: AbortSignal.any and a second listener cost as much as all else that is done for a task.
    const end = (reason: unknown): void => {
      controller.abort(reason);
      ended.reject(reason instanceof Error ? reason : new ParleyError("canceled"));
    };
    const follow = (): void => end(signal.reason);
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow, { once: true });
    const time = new TimeLimit(this.#clock, limitMs, () =>
      end(new ParleyError("timeout", { message: `The agent gives a task ${limitMs / 1000} s; it took longer.` })),
    );
    const working = work(controller.signal, time.during);
    const free = (): void => {
      time.cancel();
      signal.removeEventListener("abort", follow);
      this.#slots.delete(slot);
    };
    const slot: Slot = { end, done: working.then(free, free) };
    this.#slots.add(slot);
    return Promise.race([working, ended.promise]);
  }

  /** Takes no more; waits `drainMs` for what is at work, then ends it with `closed`. Returns how many were ended. */
  async drain(drainMs: number): Promise<number> {
    this.#stopping = true;
    await this.#endOf(drainMs);
    const left = this.#slots.size;
    for (const { end } of this.#slots)
      end(new ParleyError("closed", { message: "The agent stopped before it was done." }));
    await this.#endOf(tidyMs);
    return left;
  }

  async #endOf(withinMs: number): Promise<void> {
    const all = Promise.all([...this.#slots].map(({ done }) => done));
    const late = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(withinMs, late.resolve);
    await Promise.race([all, late.promise]);
    timer.cancel();
  }
}
