import { isParleyError, ParleyError } from "@parley/protocol";

import { Transaction } from "./database.ts";
import { toStorageError } from "./storage-error.ts";

/** State kept in memory beside the database. */
export interface Companion {
  /** Writes what changed; runs inside the transaction, before it ends. */
  save(transaction: Transaction): void | Promise<void>;
  /** Reads everything anew: the transaction was undone. */
  reset(transaction: Transaction): Promise<void>;
}

interface Job {
  /** A coded error must come before its first write: it fails this job and nothing else. */
  readonly work: (transaction: Transaction) => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly bytes: number;
}

const maxWaitingJobs = 65_536;
const maxWaitingBytes = 67_108_864;
/** Bounds of one transaction. */
const maxJobsPerCommit = 1024;
const maxBytesPerCommit = 8_388_608;

/**
 * Lets the writes of one tick, and those that come while a transaction is under way, share the next one. Work runs in call order, one after
 * the other; promises resolve after the commit. If the commit fails, everything in it is undone and each of its calls rejects.
 */
export class Commits {
  readonly #database: IDBDatabase;
  readonly #companions: readonly Companion[];
  /** Frees some space. False when there is none to free. */
  readonly #relief: (transaction: Transaction) => Promise<boolean>;
  #waiting: Job[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #closed = false;
  #broken: ParleyError | undefined;

  constructor(
    database: IDBDatabase,
    companions: readonly Companion[],
    relief: (transaction: Transaction) => Promise<boolean>,
  ) {
    this.#database = database;
    this.#companions = companions;
    this.#relief = relief;
  }

  checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** The database is gone, and with it everything that waits. */
  breakOff(error: ParleyError): void {
    this.#broken ??= error;
    for (const job of this.#waiting.splice(0)) job.reject(error);
    this.#waitingBytes = 0;
  }

  run<Value>(work: (transaction: Transaction) => Value | Promise<Value>, bytes: number): Promise<Value> {
    this.checkOpen();
    if (this.#waiting.length >= maxWaitingJobs || this.#waitingBytes + bytes > maxWaitingBytes) {
      throw new ParleyError("limit_reached", { message: "Too many writes wait for the disk." });
    }
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    let result: { readonly value: Value } | undefined;
    this.#waiting.push({
      work: async (transaction) => void (result = { value: await work(transaction) }),
      resolve: () => result !== undefined && resolve(result.value),
      reject,
      bytes,
    });
    this.#waitingBytes += bytes;
    this.#running ??= this.#runAll();
    return promise;
  }

  /** Reads what is committed. */
  async read<Value>(work: (transaction: Transaction) => Promise<Value>): Promise<Value> {
    this.checkOpen();
    try {
      return await work(new Transaction(this.#database, "readonly"));
    } catch (error) {
      throw toStorageError(this.#database.name, error);
    }
  }

  /** Commits what waits and refuses more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #runAll(): Promise<void> {
    // The rest of this tick's calls come along.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#commit(this.#takeBatch(), true);
    this.#running = undefined;
  }

  async #commit(batch: readonly Job[], mayRelieve: boolean): Promise<void> {
    const done: Job[] = [];
    const refused = new Set<Job>();
    try {
      const transaction = new Transaction(this.#database, "readwrite");
      await this.#attemptAll(transaction, batch, done, refused);
      await transaction.ended;
    } catch (error) {
      const left = batch.filter((job) => !refused.has(job));
      const coded = await this.#undo(error);
      if (mayRelieve && coded.code === "storage_full" && (await this.#relieve())) return this.#commit(left, false);
      for (const job of left) job.reject(coded);
      return;
    }
    for (const job of done) job.resolve();
  }

  async #attemptAll(transaction: Transaction, batch: readonly Job[], done: Job[], refused: Set<Job>): Promise<void> {
    try {
      for (const job of batch) {
        try {
          await job.work(transaction);
          done.push(job);
        } catch (error) {
          if (!isParleyError(error)) throw error;
          refused.add(job);
          job.reject(error);
        }
      }
      for (const companion of this.#companions) await companion.save(transaction);
    } catch (error) {
      transaction.abort();
      // A request fails with what the transaction ends with, but for what this code threw itself.
      await transaction.ended.catch(() => undefined);
      throw error;
    }
  }

  async #undo(error: unknown): Promise<ParleyError> {
    const coded = this.#broken ?? toStorageError(this.#database.name, error);
    try {
      const transaction = new Transaction(this.#database, "readonly");
      for (const companion of this.#companions) await companion.reset(transaction);
    } catch {
      // It cannot even be read: what is in memory may be ahead of it, so nothing may go on from here.
      this.breakOff(coded);
    }
    return coded;
  }

  async #relieve(): Promise<boolean> {
    if (this.#broken !== undefined) return false;
    try {
      const transaction = new Transaction(this.#database, "readwrite");
      const isRelieved = await this.#relief(transaction);
      for (const companion of this.#companions) await companion.save(transaction);
      await transaction.ended;
      return isRelieved;
    } catch (error) {
      await this.#undo(error);
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
