import type { WaitingWrite } from "@parley/core";
import { WaitingWrites } from "@parley/core";
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

/** Frees some space, inside a transaction of its own. False when there is none to free. */
export type Relief = (transaction: Transaction) => Promise<boolean>;

type Work = (transaction: Transaction) => Promise<void>;
type Write = WaitingWrite<Work>;

/**
 * Lets the writes of one tick, and those that come while a transaction is under way, share the next one. Work runs in call order, one after
 * the other; promises resolve after the commit. If the commit fails, everything in it is undone and each of its calls rejects.
 */
export class Commits {
  readonly #database: IDBDatabase;
  readonly #companions: Companion[] = [];
  #relief: Relief = async () => false;
  readonly #waiting = new WaitingWrites<Work>();
  #running: Promise<void> | undefined;
  #closed = false;
  #broken: ParleyError | undefined;

  constructor(database: IDBDatabase) {
    this.#database = database;
  }

  join(companion: Companion): void {
    this.#companions.push(companion);
  }

  /** What to do when the storage is full. The commit is then tried once more. */
  relieveBy(relief: Relief): void {
    this.#relief = relief;
  }

  checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** The database is gone, and with it everything that waits. */
  breakOff(error: ParleyError): void {
    this.#broken ??= error;
    this.#waiting.rejectAll(error);
  }

  run<Value>(work: (transaction: Transaction) => Value | Promise<Value>, bytes: number): Promise<Value> {
    this.checkOpen();
    const promise = this.#waiting.add<Value>((keep) => async (transaction) => keep(await work(transaction)), bytes);
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
    while (!this.#waiting.isEmpty) await this.#commit(this.#waiting.takeBatch(), true);
    this.#running = undefined;
  }

  async #commit(batch: readonly Write[], mayRelieve: boolean): Promise<void> {
    const done: Write[] = [];
    const refused = new Set<Write>();
    try {
      const transaction = new Transaction(this.#database, "readwrite");
      await this.#attemptAll(transaction, batch, done, refused);
      await transaction.ended;
    } catch (error) {
      const left = batch.filter((write) => !refused.has(write));
      const coded = await this.#undo(error);
      if (mayRelieve && coded.code === "storage_full" && (await this.#relieve())) return this.#commit(left, false);
      for (const write of left) write.reject(coded);
      return;
    }
    for (const write of done) write.resolve();
  }

  async #attemptAll(
    transaction: Transaction,
    batch: readonly Write[],
    done: Write[],
    refused: Set<Write>,
  ): Promise<void> {
    try {
      for (const write of batch) {
        try {
          await write.work(transaction);
          done.push(write);
        } catch (error) {
          if (!isParleyError(error)) throw error;
          refused.add(write);
          write.reject(error);
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
}
