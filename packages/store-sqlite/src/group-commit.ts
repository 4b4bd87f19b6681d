import type { WaitingWrite } from "@parley/core";
import { WaitingWrites } from "@parley/core";
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

type Write = WaitingWrite<() => void>;

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
  readonly #waiting = new WaitingWrites<() => void>();
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
    const promise = this.#waiting.add<Value>((keep) => () => keep(work()), bytes);
    this.#schedule();
    return promise;
  }

  /** Work that nobody waits for and that may as well be lost: not done once this is closed, or if its commit fails. */
  runLater(work: () => void): void {
    if (this.#closed) return;
    this.#waiting.addUnheard(work);
    this.#schedule();
  }

  /** To be called by work: runs once the transaction is committed. */
  afterCommit(effect: () => void): void {
    this.#effects.push(effect);
  }

  /** Commits what waits and refuses more. */
  close(): void {
    this.#closed = true;
    while (!this.#waiting.isEmpty) this.#commit(this.#waiting.takeBatch(), true);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#waiting.isEmpty) return;
      this.#commit(this.#waiting.takeBatch(), true);
      if (!this.#waiting.isEmpty) this.#schedule();
    });
  }

  #commit(batch: readonly Write[], mayRelieve: boolean): void {
    const done: Write[] = [];
    const refused = new Set<Write>();
    try {
      this.#database.begin();
      for (const write of batch) {
        if (this.#attempt(write)) done.push(write);
        else refused.add(write);
      }
      for (const companion of this.#companions) companion.save();
      this.#database.commit();
    } catch (error) {
      const left = batch.filter((write) => !refused.has(write));
      const coded = this.#undo(error);
      if (mayRelieve && coded.code === "storage_full" && !this.#closed && this.#relieve()) this.#commit(left, false);
      else for (const write of left) write.reject(coded);
      return;
    }
    const effects = this.#effects;
    this.#effects = [];
    for (const effect of effects) effect();
    for (const write of done) write.resolve();
  }

  /** False if the write was refused with a code; anything else that it throws is the storage's trouble and goes up. */
  #attempt(write: Write): boolean {
    try {
      write.work();
      return true;
    } catch (error) {
      if (!isParleyError(error)) throw error;
      write.reject(error);
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
      this.#waiting.rejectAll(coded);
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
}
