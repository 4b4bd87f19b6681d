import type { Journal, JournalOptions, JournalParts, JournalState, Random } from "@parley/core";
import { CheckedJournal, defaultHistoryBounds, defaultJournalBounds, Holdings, systemRandom } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { journalShape, openDatabase, Transaction } from "./database.ts";
import { takeHold } from "./holder.ts";
import { IndexedDbDeliveries } from "./journal-deliveries.ts";
import { IndexedDbInbox } from "./journal-inbox.ts";
import { IndexedDbOutbox } from "./journal-outbox.ts";
import type { JournalStores } from "./journal-stores.ts";
import { makeJournalStores } from "./journal-stores.ts";
import { States } from "./states.ts";
import { toStorageError } from "./storage-error.ts";

export interface IndexedDbJournalOptions extends JournalOptions {
  /** Of the database and of the lock: one per device. */
  readonly name: string;
  readonly random?: Random;
  /** Default: the page's. */
  readonly factory?: IDBFactory;
  /** Default: the page's. */
  readonly locks?: LockManager;
}

/**
 * A device's journal on IndexedDB. Throws `device_in_use` if it is open already, in this page or another, `storage_unavailable`
 * when the browser gives no storage, `data_too_new`.
 */
export async function openIndexedDbJournal(options: IndexedDbJournalOptions): Promise<Journal> {
  const { name, factory = globalThis.indexedDB, locks = globalThis.navigator?.locks } = options;
  if (factory === undefined || locks === undefined)
    throw new ParleyError("storage_unavailable", { message: "This page has no storage: it needs a secure context." });
  const release = await takeHold(locks, name);
  try {
    const database = await openDatabase(factory, name, journalShape);
    try {
      return new CheckedJournal(await IndexedDbJournal.start(database, options, release));
    } catch (error) {
      database.close();
      throw toStorageError(name, error);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

class IndexedDbJournal implements JournalParts {
  readonly outbox: IndexedDbOutbox;
  readonly inbox: IndexedDbInbox;
  readonly history: IndexedDbDeliveries;
  readonly states: States;
  readonly #database: IDBDatabase;
  readonly #stores: JournalStores;
  readonly #release: () => Promise<void>;
  #closed = false;

  private constructor(database: IDBDatabase, options: IndexedDbJournalOptions, release: () => Promise<void>) {
    const { outbox, inbox, history, random = systemRandom } = options;
    const stores = makeJournalStores(
      database,
      new Holdings("outbox", outbox ?? defaultJournalBounds),
      history ?? defaultHistoryBounds,
    );
    this.#database = database;
    this.#stores = stores;
    this.#release = release;
    this.outbox = new IndexedDbOutbox(stores, random);
    this.inbox = new IndexedDbInbox(stores, new Holdings("inbox", inbox ?? defaultJournalBounds));
    this.history = new IndexedDbDeliveries(stores);
    this.states = new States(stores.commits);
    const { commits, tally } = stores;
    commits.relieveBy((transaction) => stores.history.shrink(transaction));
    // The tally is read before those that count with it, and written after them.
    commits.join({ save: () => undefined, reset: (transaction) => tally.reset(transaction) });
    for (const companion of [stores.outbound, stores.inbound, stores.history, this.inbox]) commits.join(companion);
    commits.join({ save: (transaction) => tally.save(transaction), reset: async () => undefined });
  }

  static async start(
    database: IDBDatabase,
    options: IndexedDbJournalOptions,
    release: () => Promise<void>,
  ): Promise<IndexedDbJournal> {
    const journal = new IndexedDbJournal(database, options, release);
    await journal.#readAll();
    const breakOff = (): void => journal.#breakOff();
    // The browser may take the storage away, and a newer page may want to change it.
    database.addEventListener("close", breakOff);
    database.addEventListener("versionchange", () => {
      database.close();
      breakOff();
    });
    return journal;
  }

  checkOpen(): void {
    this.#stores.commits.checkOpen();
  }

  async load(): Promise<JournalState> {
    const outbox = await this.outbox.pending();
    const inbound = this.#stores.inbound.cursors.all();
    return { epoch: this.outbox.epoch, outbox, inbound, lastSeq: this.outbox.lastSeqs() };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#stores.commits.close();
    this.#database.close();
    await this.#release();
  }

  #breakOff(): void {
    if (this.#closed) return;
    this.#stores.commits.breakOff(
      new ParleyError("storage_unavailable", {
        message: `${this.#database.name}: the browser closed it.`,
        data: { reason: "closed" },
      }),
    );
  }

  /** The first transaction: what is there, and the epoch of a new journal. */
  async #readAll(): Promise<void> {
    const { tally, outbound, inbound, history } = this.#stores;
    const transaction = new Transaction(this.#database, "readwrite");
    await tally.reset(transaction);
    await outbound.reset(transaction);
    outbound.dropHalfBodies(transaction);
    await outbound.reset(transaction);
    await inbound.reset(transaction);
    await history.reset();
    await this.inbox.reset(transaction);
    await this.outbox.readEpoch(transaction);
    this.inbox.markOld();
    await transaction.ended;
  }
}
