import type { Clock, Timer } from "@parley/core";

/** Waits for somebody's word; the time of the work does not run meanwhile. */
export type WaitFor = <Answer>(wait: () => Promise<Answer>) => Promise<Answer>;

/** The time that work has. It stands still while somebody is asked, and begins anew with the answer, as at the caller. */
export class TimeLimit {
  readonly #start: () => Timer;
  #timer: Timer;
  #waiting = 0;
  #isOver = false;

  constructor(clock: Pick<Clock, "setTimer">, limitMs: number, onEnd: () => void) {
    this.#start = () => clock.setTimer(limitMs, onEnd);
    this.#timer = this.#start();
  }

  readonly during: WaitFor = async (wait) => {
    this.#waiting++;
    this.#timer.cancel();
    try {
      return await wait();
    } finally {
      if (--this.#waiting === 0 && !this.#isOver) this.#timer = this.#start();
    }
  };

  cancel(): void {
    this.#isOver = true;
    this.#timer.cancel();
  }
}
