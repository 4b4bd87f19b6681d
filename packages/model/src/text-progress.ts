/** A model's words as progress of a task: put together, so that a token is no note of its own. */
import type { Clock } from "@parley/core";

export interface TextProgressOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Hands over a piece; resolves when there is room for more. */
  readonly tell: (text: string) => Promise<void>;
}

/** Milliseconds between two notes, and characters after which one goes at once. */
const pauseMs = 250;
const mostCharacters = 2_000;

export class TextProgress {
  readonly #options: TextProgressOptions;
  #waiting = "";
  #toldAt: number;

  constructor(options: TextProgressOptions) {
    this.#options = options;
    this.#toldAt = options.clock.monotonic();
  }

  /** Resolves at once, or when a slow caller took what was told: the model is read no faster than that. */
  async add(text: string): Promise<void> {
    this.#waiting += text;
    const isDue = this.#options.clock.monotonic() - this.#toldAt >= pauseMs;
    if (isDue || this.#waiting.length >= mostCharacters) await this.flush();
  }

  /** Tells what waits. */
  async flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    this.#toldAt = this.#options.clock.monotonic();
    if (text !== "") await this.#options.tell(text);
  }
}
