import { ParleyError } from "@parley/protocol";

import type { JournalBounds } from "../ports/journal.ts";

/** What one direction of a journal holds, counted against its bounds. */
export class Holdings {
  readonly #what: string;
  readonly #bounds: JournalBounds;
  #entries: number;
  #bytes: number;

  constructor(what: string, bounds: JournalBounds, entries = 0, bytes = 0) {
    this.#what = what;
    this.#bounds = bounds;
    this.#entries = entries;
    this.#bytes = bytes;
  }

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether more is held than the bounds allow, as history may until it is trimmed. */
  get isOver(): boolean {
    return this.#entries > this.#bounds.maxEntries || this.#bytes > this.#bounds.maxBytes;
  }

  /** Throws `limit_reached` if as much does not fit; counts nothing yet. */
  checkRoom(entries: number, bytes: number): void {
    const { maxEntries, maxBytes } = this.#bounds;
    if (this.#entries + entries <= maxEntries && this.#bytes + bytes <= maxBytes) return;
    throw new ParleyError("limit_reached", {
      message: `The ${this.#what} is full: ${this.#entries} entries, ${this.#bytes} bytes.`,
      data: { maxEntries, maxBytes },
    });
  }

  /** Counts what came, or with negative numbers what went. */
  add(entries: number, bytes: number): void {
    this.#entries += entries;
    this.#bytes += bytes;
  }

  /** Sets the counts, after a commit that failed. */
  reset(entries: number, bytes: number): void {
    this.#entries = entries;
    this.#bytes = bytes;
  }
}
