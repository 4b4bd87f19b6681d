import type { Clock } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

import { TimeLimit } from "./time-limit.ts";

/** The place of a task that is at work. */
export interface TaskSlot {
  /** Milliseconds since 1970 at which the agent's own time limit is up. */
  readonly deadline: number;
  /** The task waits for somebody else: another one may have its slot. What is returned resolves when it has one again, or still waits for others. */
  lend(): () => Promise<void>;
  /** Its time limit stands still until what is returned is called. */
  pause(): () => void;
}

interface Slot {
  readonly end: (reason: unknown) => void;
  done: Promise<void>;
}

/** After the reason to end is known, this long a skill may tidy up before a stop goes on without it. */
const tidyMs = 1_000;
/** Tasks that may wait for others beside those at work, for each slot: as deep as calls may go. */
const lentPerSlot = limits.hops;

/** The tasks at work: how many at once, until when, and their end when the agent stops. */
export class TaskSlots {
  readonly #clock: Clock;
  /** How many at once. */
  most: number;
  readonly #slots = new Set<Slot>();
  /** Those whose tasks wait for somebody else. */
  #lent = 0;
  /** Tasks that are to go on and wait for a slot, first come first. */
  #returning: (() => void)[] = [];
  #stopping = false;

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.most = most;
  }

  get size(): number {
    return this.#slots.size;
  }

  /**
   * Throws `limit_reached` when every slot is taken and `closed` once the agent stops. A call that is made for another task may wait for
   * a slot: whoever waits for it has lent its own, so that whatever waits for a slot holds none.
   */
  check(mayWait = false): void {
    if (this.#stopping) throw new ParleyError("closed", { message: "The agent is stopping; ask another one." });
    const isFull = this.#isFull && !mayWait;
    if (!isFull && this.#slots.size < this.most * (1 + lentPerSlot)) return;
    throw new ParleyError("limit_reached", {
      message: isFull
        ? `The agent works on ${this.most} tasks, its limit; try again soon.`
        : `${this.#slots.size} tasks of the agent wait for others; try again soon.`,
    });
  }

  /**
   * Runs work in a slot, for at most `limitMs`. Rejects with `timeout` or the reason of `signal` even when the work does
   * not listen; the slot stays taken until the work has really ended, so that what hangs cannot pile up.
   */
  async run<Result>(
    limitMs: number,
    signal: AbortSignal,
    work: (signal: AbortSignal, slot: TaskSlot) => Promise<Result>,
    mayWait = false,
  ): Promise<Result> {
    this.check(mayWait);
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
    const place = new LendableSlot(time, {
      lend: () => this.#lend(),
      takeBack: (done) => this.#takeBack(controller.signal, done),
    });
    const isFull = this.#isFull;
    const slot: Slot = { end, done: Promise.resolve() };
    this.#slots.add(slot);
    const working = isFull ? place.enter().then(() => work(controller.signal, place)) : work(controller.signal, place);
    const free = (): void => {
      time.cancel();
      signal.removeEventListener("abort", follow);
      this.#slots.delete(slot);
      if (place.isLent) this.#lent--;
      this.#passOn();
    };
    slot.done = working.then(free, free);
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

  get #isFull(): boolean {
    return this.#atWork + this.#returning.length >= this.most;
  }

  get #atWork(): number {
    return this.#slots.size - this.#lent;
  }

  #lend(): void {
    this.#lent++;
    this.#passOn();
  }

  /** Whoever goes on comes before who begins: what waits holds nothing that another one needs. */
  #takeBack(signal: AbortSignal, done: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#returning = this.#returning.filter((each) => each !== goOn);
        reject(signal.reason instanceof Error ? signal.reason : new ParleyError("canceled"));
      };
      const goOn = (): void => {
        signal.removeEventListener("abort", stop);
        this.#lent--;
        done();
        resolve();
      };
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      this.#returning.push(goOn);
      this.#passOn();
    });
  }

  #passOn(): void {
    while (this.#atWork < this.most) {
      const next = this.#returning.shift();
      if (next === undefined) return;
      next();
    }
  }

  async #endOf(withinMs: number): Promise<void> {
    const all = Promise.all([...this.#slots].map(({ done }) => done));
    const late = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(withinMs, late.resolve);
    await Promise.race([all, late.promise]);
    timer.cancel();
  }
}

interface SlotChanges {
  readonly lend: () => void;
  /** Calls `done` in the moment in which the slot is not lent any more. */
  readonly takeBack: (done: () => void) => Promise<void>;
}

/** The slot of one task, which may wait for several others at once. */
class LendableSlot implements TaskSlot {
  readonly #time: TimeLimit;
  readonly #slots: SlotChanges;
  #waits = 0;
  /** While it is wanted back. */
  #back: Promise<void> | undefined;
  /** Counted among the lent ones. */
  isLent = false;

  constructor(time: TimeLimit, slots: SlotChanges) {
    this.#time = time;
    this.#slots = slots;
  }

  get deadline(): number {
    return this.#time.deadline;
  }

  /** Begins without a slot and waits for one; its time begins then. */
  async enter(): Promise<void> {
    const goOn = this.pause();
    await this.lend()();
    goOn();
  }

  lend(): () => Promise<void> {
    this.#waits++;
    this.#lendOut();
    let isBack = false;
    return async () => {
      if (isBack) return;
      isBack = true;
      if (--this.#waits > 0) return;
      this.#back ??= this.#slots
        .takeBack(() => {
          this.isLent = false;
          // It waits for another one meanwhile.
          if (this.#waits > 0) this.#lendOut();
        })
        .finally(() => (this.#back = undefined));
      await this.#back;
    };
  }

  #lendOut(): void {
    if (this.isLent) return;
    this.isLent = true;
    this.#slots.lend();
  }

  pause(): () => void {
    return this.#time.hold();
  }
}
