import { ParleyError } from "@parley/protocol";

/** Events that wait for one reader. */
export const mostLaneEvents = 1024;

/** Events for one reader, each after the one before is done. A reader that falls behind too far is told so, and gets no more. */
export class EventLane<Event> {
  readonly #emit: (event: Event) => Promise<void>;
  readonly #waiting: Event[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #running = false;
  #ended = false;

  constructor(emit: (event: Event) => Promise<void>) {
    this.#emit = emit;
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects with `slow_reader`, or with what the reader ended with. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  push(event: Event): void {
    if (this.#ended) return;
    if (this.#waiting.length >= mostLaneEvents)
      return this.#fail(
        new ParleyError("slow_reader", { message: `More than ${mostLaneEvents} events wait for the program.` }),
      );
    this.#waiting.push(event);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined && !this.#ended; next = this.#waiting.shift())
        await this.#emit(next);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = false;
    }
  }

  #fail(error: unknown): void {
    this.#ended = true;
    this.#waiting.length = 0;
    this.#failed.reject(error);
  }
}
