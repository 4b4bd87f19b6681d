/** Journal writes that nobody waits for, but that have to be made: what the disk refuses is tried again until it takes it. */
import { Backoff, type Clock, type Random, type Timer } from "@parley/core";
import { type ParleyError, toParleyError } from "@parley/protocol";

export interface WriteAgainOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

interface Write {
  readonly make: () => Promise<unknown>;
  /** Called once it is on disk. */
  readonly done: () => void;
}

/** Writes that wait for a disk that works again. One more is given up: the next start finds its entry as it was. */
const mostWaiting = 10_000;

export class WriteAgain {
  readonly #options: WriteAgainOptions;
  readonly #backoff: Backoff;
  #waiting: Write[] = [];
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: WriteAgainOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random, { firstMs: 500, mostMs: 30_000 });
  }

  /** Begins a write now, so that those of one turn share a commit; `done` is called once it is on disk. */
  run(make: () => Promise<unknown>, done: () => void = () => {}): void {
    void this.#try({ make, done });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#waiting = [];
  }

  async #try(write: Write): Promise<boolean> {
    try {
      await write.make();
    } catch (error) {
      this.#failed(write, toParleyError(error));
      return false;
    }
    write.done();
    return true;
  }

  #failed(write: Write, error: ParleyError): void {
    if (this.#stopped) return;
    if (!error.retryable || error.code === "closed" || this.#waiting.length >= mostWaiting)
      return this.#options.onError(error);
    if (this.#waiting.length === 0) this.#options.onError(error);
    this.#waiting.push(write);
    this.#timer ??= this.#options.clock.setTimer(this.#backoff.next(), () => void this.#again());
  }

  async #again(): Promise<void> {
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    const results = await Promise.all(waiting.map((write) => this.#try(write)));
    if (results.every(Boolean)) this.#backoff.reset();
  }
}
