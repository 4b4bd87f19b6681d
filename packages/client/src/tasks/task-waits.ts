import type { HeldTask } from "./held-task.ts";

/** What of one task waits for other members than its caller: the task goes on when the last of it does. */
export class TaskWaits {
  readonly #held: Pick<HeldTask, "pause" | "goOn">;
  #waiting = 0;

  constructor(held: Pick<HeldTask, "pause" | "goOn">) {
    this.#held = held;
  }

  /** Does so with the task in TASK_STATE_AUTH_REQUIRED, where its time limit does not run. */
  async during<Answer>(note: string, wait: () => Promise<Answer>): Promise<Answer> {
    this.#waiting++;
    this.#held.pause("TASK_STATE_AUTH_REQUIRED", note);
    try {
      return await wait();
    } finally {
      if (--this.#waiting === 0) this.#held.goOn();
    }
  }
}
