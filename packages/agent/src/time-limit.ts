import { WorkTime } from "@parley/client";
import type { Clock } from "@parley/core";

/** Waits for somebody's word; the time of the work does not run meanwhile. */
export type WaitFor = <Answer>(wait: () => Promise<Answer>) => Promise<Answer>;

/** The time that work has. It stands still while somebody is asked, and goes on with what was left, as at the caller. */
export class TimeLimit {
  readonly #time: WorkTime;
  #waiting = 0;
  #isOver = false;

  constructor(clock: Clock, limitMs: number, onEnd: () => void) {
    this.#time = new WorkTime(clock, limitMs, onEnd);
    this.#time.watch();
  }

  /** Milliseconds since 1970 at which it is over, if nothing holds it up from now on. */
  get deadline(): number {
    return this.#time.deadline;
  }

  /** Stands still until what is returned is called. */
  hold(): () => void {
    if (this.#waiting++ === 0) this.#time.pause();
    let isHeld = true;
    return () => {
      if (isHeld && --this.#waiting === 0 && !this.#isOver) this.#time.goOn();
      isHeld = false;
    };
  }

  readonly during: WaitFor = async (wait) => {
    const goOn = this.hold();
    try {
      return await wait();
    } finally {
      goOn();
    }
  };

  cancel(): void {
    this.#isOver = true;
    this.#time.stop();
  }
}
