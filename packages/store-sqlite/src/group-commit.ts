import { isParleyError, ParleyError } from "@parley/protocol";

import type { Database } from "./database.ts";
import { toStorageError } from "./storage-error.ts";

/** State kept in memory beside the database. */
export interface Companion {
  /** Writes what changed; runs inside the transaction, before it is committed. */
  save(): void;
  /** Reads everything anew: the transaction was rolled back. */
  reset(): void;
}

interface Job {
  /** Runs inside the transaction. A coded error must come before its first write: it fails this job and nothing else. */
  readonly work: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly bytes: number;
}

const maxWaitingJobs = 65_536;
const maxWaitingBytes = 67_108_864;
/** Bounds of one transaction, so that the event loop gets its turn between two. */
const maxJobsPerCommit = 1024;
const maxBytesPerCommit = 8_388_608;

/** Frees some space, inside a transaction of its own. False when there is none to free. */
export type Relief = () => boolean;

/**
 * Lets the writes of one turn of the event loop share one transaction, and so one sync of the disk. Work runs in call order; promises
 * resolve after the commit. If the commit fails, everything in it is undone and each of its calls rejects.
 */
export class GroupCommit {
  readonly #database: Database;
  readonly #companions: Companion[] = [];
  #relief: Relief = () => false;
  #waiting: Job[] = [];
  #waitingBytes = 0;
  #effects: (() => void)[] = [];
  #scheduled = false;
  #closed = false;

  constructor(database: Database) {
    this.#database = database;
  }

  join(companion: Companion): void {
    this.#companions.push(companion);
  }

  /** What to do when the disk is full. The commit is then tried once more. */
  relieveBy(relief: Relief): void {
    this.#relief = relief;
  }

  checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  /** `bytes` is about what the work writes. */
  run<Value>(work: () => Value, bytes: number): Promise<Value> {
    this.checkOpen();
    if (this.#waiting.length >= maxWaitingJobs || this.#waitingBytes + bytes > maxWaitingBytes) {
      throw new ParleyError("limit_reached", { message: "Too many writes wait for the disk." });
    }
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    let result: { readonly value: Value } | undefined;
    this.#waiting.push({
      work: () => (result = { value: work() }),
      resolve: () => result !== undefined && resolve(result.value),
      reject,
      bytes,
    });
    this.#waitingBytes += bytes;
    this.#schedule();
    return promise;
  }

  /** Work that nobody waits for and that may as well be lost: not done once this is closed, or if its commit fails. */
  runLater(work: () => void): void {
    if (this.#closed) return;
    this.#waiting.push({ work, resolve: () => undefined, reject: () => undefined, bytes: 0 });
    this.#schedule();
  }

  /** To be called by work: runs once the transaction is committed. */
  afterCommit(effect: () => void): void {
    this.#effects.push(effect);
  }

  /** Commits what waits and refuses more. */
  close(): void {
    this.#closed = true;
    while (this.#waiting.length > 0) this.#commitBatch();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#waiting.length === 0) return;
      this.#commitBatch();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #commitBatch(): void {
    this.#commit(this.#takeBatch(), true);
  }

  #commit(batch: readonly Job[], mayRelieve: boolean): void {
    const done: Job[] = [];
    const refused = new Set<Job>();
    try {
      this.#database.begin();
      for (const job of batch) {
        if (this.#attempt(job)) done.push(job);
        else refused.add(job);
      }
      for (const companion of this.#companions) companion.save();
      this.#database.commit();
    } catch (error) {
      const left = batch.filter((job) => !refused.has(job));
      const coded = this.#undo(error);
      if (mayRelieve && coded.code === "storage_full" && !this.#closed && this.#relieve()) this.#commit(left, false);
      else for (const job of left) job.reject(coded);
      return;
    }
    const effects = this.#effects;
    this.#effects = [];
    for (const effect of effects) effect();
    for (const job of done) job.resolve();
  }

  /** False if the job was refused with a code; anything else that it throws is the storage's trouble and goes up. */
  #attempt(job: Job): boolean {
    try {
      job.work();
      return true;
    } catch (error) {
      if (!isParleyError(error)) throw error;
      job.reject(error);
      return false;
    }
  }

  #undo(error: unknown): ParleyError {
    const coded = toStorageError(this.#database.name, error);
    this.#effects = [];
    try {
      this.#database.rollback();
      for (const companion of this.#companions) companion.reset();
    } catch {
      // The file cannot even be read: what is in memory may be ahead of it, so nothing may go on from here.
      this.#closed = true;
      for (const job of this.#waiting.splice(0)) job.reject(coded);
    }
    return coded;
  }

  #relieve(): boolean {
    try {
      this.#database.begin();
      const isRelieved = this.#relief();
      for (const companion of this.#companions) companion.save();
      this.#database.commit();
      return isRelieved;
    } catch (error) {
      this.#undo(error);
      return false;
    }
  }

  #takeBatch(): readonly Job[] {
    let bytes = 0;
    let count = 0;
    for (const job of this.#waiting) {
      if (count === maxJobsPerCommit || (count > 0 && bytes + job.bytes > maxBytesPerCommit)) break;
      bytes += job.bytes;
      count++;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }
}
