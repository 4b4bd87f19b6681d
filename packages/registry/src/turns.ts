import type { Clock } from "@parley/core";

import { Tick } from "./tick.ts";

/**
 * Lets so many through in one turn of the event loop, in the order in which they came; the others wait for the next turns, so that
 * whatever else is ready runs in between. Whoever uses it bounds how many wait.
 */
export class Turns {
  readonly #perTurn: number;
  readonly #waiting: (() => void)[] = [];
  readonly #next: Tick;
  #taken = 0;

  constructor(clock: Pick<Clock, "soon">, perTurn: number) {
    this.#perTurn = perTurn;
    this.#next = new Tick(
      (run) => clock.soon(run),
      () => this.#turn(),
    );
  }

  /** Resolves in the turn in which it may go on; undefined when that is now. */
  take(): Promise<void> | undefined {
    this.#next.schedule();
    if (this.#taken < this.#perTurn) {
      this.#taken++;
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #turn(): void {
    const released = this.#waiting.splice(0, this.#perTurn);
    this.#taken = released.length;
    if (released.length > 0) this.#next.schedule();
    for (const go of released) go();
  }
}
