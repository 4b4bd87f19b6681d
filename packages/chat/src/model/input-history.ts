/** Lines that are remembered. */
const mostLines = 200;

/** What was written before, for going back to it. */
export class InputHistory {
  readonly #lines: string[] = [];
  #at = 0;
  #unfinished = "";

  add(line: string): void {
    if (this.#lines.at(-1) !== line) this.#lines.push(line);
    if (this.#lines.length > mostLines) this.#lines.shift();
    this.#at = this.#lines.length;
  }

  /** The line before; what is being written comes back after the last one. */
  previous(present: string): string | undefined {
    if (this.#at === 0) return undefined;
    if (this.#at === this.#lines.length) this.#unfinished = present;
    this.#at--;
    return this.#lines[this.#at];
  }

  next(): string | undefined {
    if (this.#at >= this.#lines.length) return undefined;
    this.#at++;
    return this.#lines[this.#at] ?? this.#unfinished;
  }
}
