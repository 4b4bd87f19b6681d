import { type BlobRef, ParleyError } from "@parley/protocol";

/**
 * Where fetched content goes. One fetch at a time: `open`, then reads of what is there and writes in order, then `commit`
 * when all of it is there and right, or `close` at any point.
 */
export interface ContentSink {
  /** Absolute, where the content becomes a file of this machine: then another process that holds the device can write it itself. */
  readonly path?: string;
  /** Takes up what an earlier try for the same content left; answers how many bytes. Throws `already_exists`. */
  open(ref: BlobRef): Promise<number>;
  /** Bytes that an earlier try left. They are checked before they count. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Puts bytes at a place, over what was there. */
  write(at: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** The content is whole and verified: only now may it be seen. Throws `already_exists`. */
  commit(): Promise<void>;
  /** Lets go. Without `commit` before, what was written is kept for the next try, or dropped when it can be of no use. */
  close(keep: boolean): Promise<void>;
}

/** Content in memory, for pages and tests. */
export class MemorySink implements ContentSink {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  #written = 0;
  #done = false;

  /** The whole content. Throws `conflict` before it is there. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (!this.#done) throw new ParleyError("conflict", { message: "The content is not there yet." });
    return this.#bytes;
  }

  async open({ size }: BlobRef): Promise<number> {
    if (this.#bytes.length !== size) {
      this.#bytes = new Uint8Array(size);
      this.#written = 0;
    }
    this.#done = false;
    return this.#written;
  }

  async read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice(from, to);
  }

  async write(at: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#bytes.set(bytes, at);
    this.#written = at + bytes.length;
  }

  async commit(): Promise<void> {
    this.#done = true;
  }

  async close(keep: boolean): Promise<void> {
    if (!keep && !this.#done) this.#written = 0;
  }
}
