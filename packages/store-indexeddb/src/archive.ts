import type {
  Archive,
  ArchiveChange,
  ArchivedMessage,
  ArchiveOptions,
  ArchiveParts,
  ConversationSummary,
  MessageChange,
  MessagePage,
  MessagePlan,
  NewMessage,
  SearchPlan,
} from "@parley/core";
import {
  changedMessage,
  CheckedArchive,
  countMessage,
  defaultArchiveBytes,
  defaultArchiveMessages,
  idOfChange,
  isListed,
  maxConversations,
  mayWait,
  openedChange,
  pageOf,
  recountMentioned,
  summaryOf,
  threadOf,
} from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { Conversations } from "./archive-conversations.ts";
import { Messages } from "./archive-messages.ts";
import { archiveShape, type ConversationRow } from "./archive-shape.ts";
import { addWaiting, afterWaiting } from "./archive-waiting.ts";
import { Commits } from "./commits.ts";
import { done, openDatabase, Transaction } from "./database.ts";
import { takeHold } from "./holder.ts";
import { toStorageError } from "./storage-error.ts";
import { Tally } from "./tally.ts";

export interface IndexedDbArchiveOptions extends ArchiveOptions {
  /** Of the database and of the lock: one per device, and another than the journal's. */
  readonly name: string;
  /** Default: the page's. */
  readonly factory?: IDBFactory;
  /** Default: the page's. */
  readonly locks?: LockManager;
}

/** Messages that one transaction deletes at most, beside those that a removed conversation had. */
const sweepMessages = 1000;
const rowBytes = 300;

/** A device's archive on IndexedDB. Throws as `openIndexedDbJournal`. */
export async function openIndexedDbArchive(options: IndexedDbArchiveOptions): Promise<Archive> {
  const { name, factory = globalThis.indexedDB, locks = globalThis.navigator?.locks } = options;
  if (factory === undefined || locks === undefined)
    throw new ParleyError("storage_unavailable", { message: "This page has no storage: it needs a secure context." });
  const release = await takeHold(locks, name);
  try {
    const database = await openDatabase(factory, name, archiveShape);
    try {
      return new CheckedArchive(await IndexedDbArchive.start(database, options, release));
    } catch (error) {
      database.close();
      throw toStorageError(name, error);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

class IndexedDbArchive implements ArchiveParts {
  readonly #database: IDBDatabase;
  readonly #release: () => Promise<void>;
  readonly #commits: Commits;
  readonly #tally = new Tally();
  readonly #conversations: Conversations;
  readonly #messages: Messages;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #closed = false;

  private constructor(database: IDBDatabase, options: IndexedDbArchiveOptions, release: () => Promise<void>) {
    this.#database = database;
    this.#release = release;
    this.#maxMessages = options.maxMessages ?? defaultArchiveMessages;
    this.#maxBytes = options.maxBytes ?? defaultArchiveBytes;
    this.#conversations = new Conversations(this.#tally, options.maxConversations ?? maxConversations);
    this.#messages = new Messages(this.#tally);
    this.#commits = new Commits(database);
    this.#commits.join(this.#tally);
    this.#commits.relieveBy((transaction) => this.#relieve(transaction));
  }

  static async start(
    database: IDBDatabase,
    options: IndexedDbArchiveOptions,
    release: () => Promise<void>,
  ): Promise<IndexedDbArchive> {
    const archive = new IndexedDbArchive(database, options, release);
    await archive.#tally.reset(new Transaction(database, "readonly"));
    const breakOff = (): void => archive.#breakOff();
    // The browser may take the storage away, and a newer page may want to change it.
    database.addEventListener("close", breakOff);
    database.addEventListener("versionchange", () => {
      database.close();
      breakOff();
    });
    archive.#sweepLater();
    return archive;
  }

  checkOpen(): void {
    this.#commits.checkOpen();
  }

  apply(changes: readonly ArchiveChange[], bytes: number): Promise<void> {
    return this.#write(bytes, async (transaction) => {
      for (const change of changes) await this.#apply(transaction, change);
    });
  }

  conversations(): Promise<readonly ConversationSummary[]> {
    return this.#commits.read(async (transaction) => {
      const rows = (await this.#conversations.list(transaction)).filter(isListed);
      return Promise.all(rows.map(async (row) => summaryOf(row, await this.#messages.last(transaction, row.number))));
    });
  }

  messages(plan: MessagePlan): Promise<MessagePage> {
    return this.#commits.read(async (transaction) => {
      const row = await this.#conversations.read(transaction, plan.conversation);
      return row === undefined ? pageOf([], plan) : this.#messages.page(transaction, row.number, plan);
    });
  }

  message(conversation: string, id: string): Promise<ArchivedMessage | undefined> {
    return this.#commits.read(async (transaction) => {
      const row = await this.#conversations.read(transaction, conversation);
      return row === undefined ? undefined : (await this.#messages.get(transaction, row.number, id))?.message;
    });
  }

  search(plan: SearchPlan): Promise<readonly ArchivedMessage[]> {
    return this.#commits.read(async (transaction) => {
      if (plan.conversation === undefined) return this.#messages.search(transaction, plan, undefined);
      const row = await this.#conversations.read(transaction, plan.conversation);
      return row === undefined ? [] : this.#messages.search(transaction, plan, row.number);
    });
  }

  remove(conversation: string): Promise<void> {
    return this.#write(rowBytes, (transaction) => this.#conversations.delete(transaction, conversation));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#commits.close();
    this.#database.close();
    await this.#release();
  }

  #breakOff(): void {
    if (this.#closed) return;
    this.#commits.breakOff(
      new ParleyError("storage_unavailable", {
        message: `${this.#database.name}: the browser closed it.`,
        data: { reason: "closed" },
      }),
    );
  }

  #write(bytes: number, work: (transaction: Transaction) => Promise<void>): Promise<void> {
    return this.#commits.run(
      (transaction) =>
        this.#conversations.during(transaction, async () => {
          await work(transaction);
          await this.#sweep(transaction);
        }),
      bytes,
    );
  }

  async #apply(transaction: Transaction, change: ArchiveChange): Promise<void> {
    switch (change.type) {
      case "message":
        return this.#add(transaction, change.message);
      case "read": {
        const row = await this.#conversations.takeOrMake(transaction, change.conversation);
        return this.#read(transaction, row, change.upTo);
      }
      case "mark": {
        const { conversation, mark } = change;
        const how = mark === undefined ? "take" : "takeOrMake";
        const row = await this.#conversations[how](transaction, conversation);
        if (row !== undefined) row.mark = mark;
        return;
      }
      default:
        return this.#change(transaction, change);
    }
  }

  async #add(transaction: Transaction, given: NewMessage): Promise<void> {
    const row = await this.#conversations.takeOrMake(transaction, given.conversation);
    const { number } = row;
    if ((await this.#messages.get(transaction, number, given.id)) !== undefined) return;
    const isFree = given.sort !== undefined && !(await this.#messages.hasSort(transaction, number, given.sort));
    const sort = isFree ? given.sort : row.lastSort + 1;
    const plain = { ...given, sort, edited: undefined, retracted: undefined, reactions: {}, replies: 0 };
    const message = await afterWaiting(transaction, number, plain);
    await this.#messages.insert(transaction, number, message, threadOf(plain));
    countMessage(row, message, 1);
    if (sort <= row.lastSort) return;
    row.lastSort = sort;
    row.touched = this.#tally.next("touch");
  }

  async #change(transaction: Transaction, change: MessageChange): Promise<void> {
    const row = await this.#conversations.take(transaction, change.conversation);
    const known = row && (await this.#messages.get(transaction, row.number, idOfChange(change)));
    const turned = known && openedChange(known.message, change);
    if (known !== undefined && turned !== undefined) {
      await this.#drop(transaction, known.place);
      return this.#change(transaction, turned);
    }
    const next = known === undefined ? "waits" : changedMessage(known.message, change);
    if (next === "waits") {
      if (!mayWait(change)) return;
      const { number } = row ?? (await this.#conversations.takeOrMake(transaction, change.conversation));
      return addWaiting(transaction, this.#tally, number, change);
    }
    if (row === undefined || known === undefined || next === known.message) return;
    const isOpened = change.type === "opened" || change.type === "retract";
    const message = isOpened ? await afterWaiting(transaction, row.number, next) : next;
    await this.#messages.update(transaction, known, message, known.thread ?? threadOf(next));
    recountMentioned(row, known.message, message);
  }

  async #read(transaction: Transaction, row: ConversationRow, upTo: number): Promise<void> {
    if (upTo <= row.read) return;
    const { unread, mentions } = await this.#messages.unread(transaction, row.number, row.read, upTo);
    row.unread -= unread;
    row.mentions -= mentions;
    row.read = upTo;
  }

  /** Deletes what is gone and what is over the bounds, so much at once, and the rest later. */
  async #sweep(transaction: Transaction): Promise<void> {
    let left = sweepMessages - (await this.#sweepGone(transaction));
    while (left > 0 && this.#isOver) {
      const places = await this.#messages.first(transaction, Math.min(left, 64));
      for (const place of places) if (this.#isOver) await this.#drop(transaction, place);
      left -= places.length;
    }
    if (left <= 0) this.#sweepLater();
  }

  #sweepLater(): void {
    // What is not done when the archive closes is done when it is opened again.
    queueMicrotask(async () => {
      try {
        if (!this.#closed) await this.#write(0, async () => undefined);
      } catch {}
    });
  }

  get #isOver(): boolean {
    return this.#tally.get("entries") > this.#maxMessages || this.#tally.get("bytes") > this.#maxBytes;
  }

  /** Gives how many it deleted. */
  async #sweepGone(transaction: Transaction): Promise<number> {
    let deleted = 0;
    for (const number of (await done(transaction.store("gone").getAllKeys(null, sweepMessages))) as number[]) {
      const places = await this.#messages.first(transaction, sweepMessages - deleted, number);
      for (const place of places) await this.#messages.delete(transaction, place);
      deleted += places.length;
      if (deleted === sweepMessages) break;
      transaction.delete("gone", number);
    }
    return deleted;
  }

  async #drop(transaction: Transaction, place: number): Promise<void> {
    const gone = await this.#messages.delete(transaction, place);
    const row = gone && (await this.#conversations.take(transaction, gone.message.conversation));
    if (gone !== undefined && row?.number === gone.conversation) countMessage(row, gone.message, -1);
  }

  async #relieve(transaction: Transaction): Promise<boolean> {
    let freed = 0;
    await this.#conversations.during(transaction, async () => {
      freed = await this.#sweepGone(transaction);
      if (freed > 0) return;
      const places = await this.#messages.first(transaction, sweepMessages);
      for (const place of places) await this.#drop(transaction, place);
      freed = places.length;
    });
    return freed > 0;
  }
}
