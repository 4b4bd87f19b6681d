import { ParleyError } from "@parley/protocol";

import { maxJournalStateKeys } from "../ports/journal.ts";
import type { JournalStates } from "./journal-parts.ts";

/** The small settings of a memory journal. */
export class MemoryStates implements JournalStates {
  readonly #values = new Map<string, Uint8Array>();

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)?.slice();
  }

  put(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) {
      this.#values.delete(key);
      return;
    }
    if (!this.#values.has(key) && this.#values.size >= maxJournalStateKeys)
      throw new ParleyError("limit_reached", { data: { maxJournalStateKeys } });
    this.#values.set(key, value.slice());
  }
}
