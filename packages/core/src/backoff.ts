import type { Random } from "./ports/clock.ts";

export interface BackoffOptions {
  /** First pause. Default 250 ms. */
  readonly firstMs?: number;
  /** Longest pause. Default 15 s. */
  readonly mostMs?: number;
  /** Tries before this. Default 0. */
  readonly tries?: number;
}

/** Pauses between tries: doubling up to a bound, each drawn between half and all of it, so that a crowd spreads out. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  readonly #random: Random;
  #tries: number;

  constructor(random: Random, options: BackoffOptions = {}) {
    this.#random = random;
    this.#firstMs = options.firstMs ?? 250;
    this.#mostMs = options.mostMs ?? 15_000;
    this.#tries = options.tries ?? 0;
  }

  get tries(): number {
    return this.#tries;
  }

  /** The next pause in milliseconds. */
  next(): number {
    const ceiling = Math.min(this.#mostMs, this.#firstMs * 2 ** Math.min(this.#tries, 20));
    this.#tries++;
    const draw = (this.#random.bytes(1)[0] ?? 0) / 255;
    return Math.round(ceiling / 2 + (draw * ceiling) / 2);
  }

  reset(): void {
    this.#tries = 0;
  }
}
