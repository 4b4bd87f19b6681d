import { ParleyError } from "@parley/protocol";

/** Bytes that the memory adapter may keep in all. Beyond it a call fails with `storage_full`, as on a full disk. */
export class ByteBudget {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  take(bytes: number): void {
    if (this.#used + bytes > this.#max) {
      throw new ParleyError("storage_full", { message: `The memory store is full (${this.#max} bytes).` });
    }
    this.#used += bytes;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}

/** What an entry, record or stream costs beside its bytes: a rough figure, so that many small ones are bounded too. */
export const entryOverheadBytes = 200;
