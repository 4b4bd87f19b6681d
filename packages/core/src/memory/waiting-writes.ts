import { ParleyError } from "@parley/protocol";

/** A write that waits for a commit. */
export interface WaitingWrite<Work> {
  /** Runs inside the transaction. A coded error must come before its first write: it fails this write and nothing else. */
  readonly work: Work;
  /** To be called once the transaction is committed. */
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly bytes: number;
}

const maxWaitingWrites = 65_536;
const maxWaitingBytes = 67_108_864;
/** Bounds of one transaction, so that the event loop gets its turn between two. */
const maxWritesPerCommit = 1024;
const maxBytesPerCommit = 8_388_608;

/** Writes in call order that wait to share a commit. `Work` is what the adapter runs inside a transaction. */
export class WaitingWrites<Work> {
  readonly #writes: WaitingWrite<Work>[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  /** `workWith` makes the work, which hands what it gives to `keep`; `bytes` is about what it writes. Throws `limit_reached`. */
  add<Value>(workWith: (keep: (value: Value) => void) => Work, bytes: number): Promise<Value> {
    if (this.#writes.length >= maxWaitingWrites || this.#bytes + bytes > maxWaitingBytes)
      throw new ParleyError("limit_reached", { message: "Too many writes wait for the disk." });
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    let result: { readonly value: Value } | undefined;
    this.#writes.push({
      work: workWith((value) => (result = { value })),
      resolve: () => result !== undefined && resolve(result.value),
      reject,
      bytes,
    });
    this.#bytes += bytes;
    return promise;
  }

  /** Adds work that nobody waits for. */
  addUnheard(work: Work): void {
    this.#writes.push({ work, resolve: () => undefined, reject: () => undefined, bytes: 0 });
  }

  /** Takes those of the next commit out. */
  takeBatch(): readonly WaitingWrite<Work>[] {
    let bytes = 0;
    let count = 0;
    for (const write of this.#writes) {
      if (count === maxWritesPerCommit || (count > 0 && bytes + write.bytes > maxBytesPerCommit)) break;
      bytes += write.bytes;
      count++;
    }
    this.#bytes -= bytes;
    return this.#writes.splice(0, count);
  }

  rejectAll(error: ParleyError): void {
    for (const write of this.#writes.splice(0)) write.reject(error);
    this.#bytes = 0;
  }
}
