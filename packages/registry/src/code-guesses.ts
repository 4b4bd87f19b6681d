import { ParleyError } from "@parley/protocol";

export interface CodeGuessesOptions {
  /** Wrong codes within the window, from everywhere together. */
  readonly most: number;
  readonly windowMs: number;
  readonly monotonic: () => number;
  /** No code is taken from now on, until guesses are forgotten. */
  readonly onLocked: () => void;
}

/**
 * Counts wrong pairing codes, whoever tries them: a code has six digits, so however many addresses an attacker has, it gets so many
 * guesses within the life of a code and no more. Links have long secrets and are not held up by this.
 */
export class CodeGuesses {
  readonly #options: CodeGuessesOptions;
  /** When each was made, oldest first. Those under way count as wrong. */
  #made: number[] = [];
  #isLocked = false;

  constructor(options: CodeGuessesOptions) {
    this.#options = options;
  }

  /** A code is tried. Throws `rate_limited` when too many were wrong. The one who calls says when it was right. */
  begin(): { readonly right: () => void } {
    const { most, windowMs, monotonic, onLocked } = this.#options;
    const now = monotonic();
    this.#made = this.#made.filter((at) => now - at < windowMs);
    const wasLocked = this.#isLocked;
    this.#isLocked = this.#made.length >= most;
    if (this.#isLocked && !wasLocked) onLocked();
    if (this.#isLocked)
      throw new ParleyError("rate_limited", {
        message: "Too many wrong pairing codes were tried; use a link, or wait a few minutes.",
      });
    this.#made.push(now);
    return {
      right: () => {
        const index = this.#made.indexOf(now);
        if (index >= 0) this.#made.splice(index, 1);
      },
    };
  }
}
