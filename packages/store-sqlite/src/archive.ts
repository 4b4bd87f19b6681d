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
  maxConversations,
  mayWait,
  openedChange,
  pageOf,
  recountMentioned,
  summaryOf,
  threadOf,
} from "@parley/core";
import { isParleyError, ParleyError } from "@parley/protocol";

import { type ConversationRow, ConversationTable } from "./archive-conversations.ts";
import { MessageTable } from "./archive-messages.ts";
import { archiveSchema } from "./archive-schema.ts";
import { WaitingTable } from "./archive-waiting.ts";
import { numberIn } from "./column.ts";
import { Database } from "./database.ts";
import { GroupCommit } from "./group-commit.ts";
import { Tally } from "./tally.ts";

export interface SqliteArchiveOptions extends ArchiveOptions {
  /** Size of the file at which the first messages give way to new ones, and then writes fail with `storage_full`. Default: the disk's. */
  readonly maxFileBytes?: number;
}

/** Messages that one transaction deletes at most. */
const sweepMessages = 2000;
const rowBytes = 300;

/**
 * A device's archive on SQLite, in this file. Its folder is made with mode 0700 if absent. Throws `device_in_use` if it is open already,
 * else as `openSqliteStores`.
 */
export function openSqliteArchive(file: string, options: SqliteArchiveOptions = {}): Archive {
  const database = openFile(file, options.maxFileBytes);
  try {
    return new CheckedArchive(new SqliteArchive(database, options));
  } catch (error) {
    database.close();
    throw error;
  }
}

function openFile(file: string, maxBytes: number | undefined): Database {
  try {
    return new Database({ file, schema: archiveSchema, ...(maxBytes === undefined ? {} : { maxBytes }) });
  } catch (error) {
    if (isParleyError(error) && error.data?.["reason"] === "held")
      throw new ParleyError("device_in_use", { message: `${file}: another process holds this device.`, cause: error });
    throw error;
  }
}

class SqliteArchive implements ArchiveParts {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #tally: Tally;
  readonly #conversations: ConversationTable;
  readonly #messages: MessageTable;
  readonly #waiting: WaitingTable;
  readonly #maxMessages: number;
  readonly #maxBytes: number;

  constructor(database: Database, options: SqliteArchiveOptions) {
    this.#database = database;
    this.#maxMessages = options.maxMessages ?? defaultArchiveMessages;
    this.#maxBytes = options.maxBytes ?? defaultArchiveBytes;
    this.#tally = new Tally(database);
    this.#conversations = new ConversationTable(database, this.#tally, options.maxConversations ?? maxConversations);
    this.#messages = new MessageTable(database, this.#tally);
    this.#waiting = new WaitingTable(database);
    this.#commits = new GroupCommit(database);
    this.#commits.join(this.#tally);
    this.#commits.relieveBy(() => this.#conversations.during(() => this.#relieve()));
    // What a bound that is lower now, or a crash, left to do.
    this.#sweepLater();
  }

  checkOpen(): void {
    this.#commits.checkOpen();
  }

  apply(changes: readonly ArchiveChange[], bytes: number): Promise<void> {
    const work = (): void => {
      for (const change of changes) this.#apply(change);
      this.#sweep();
    };
    return this.#commits.run(() => this.#conversations.during(work), bytes);
  }

  conversations(): readonly ConversationSummary[] {
    return this.#database.read(() =>
      this.#conversations.list().map((row) => summaryOf(row, this.#messages.last(row.number, row.conversation))),
    );
  }

  messages(plan: MessagePlan): MessagePage {
    return this.#database.read(() => {
      const row = this.#conversations.read(plan.conversation);
      return row === undefined ? { messages: [], more: false } : pageOf(this.#messages.find(row.number, plan), plan);
    });
  }

  message(conversation: string, id: string): ArchivedMessage | undefined {
    return this.#database.read(() => {
      const row = this.#conversations.read(conversation);
      return row === undefined ? undefined : this.#messages.get(row.number, conversation, id)?.message;
    });
  }

  search(plan: SearchPlan): readonly ArchivedMessage[] {
    return this.#database.read(() => {
      if (plan.conversation === undefined) return this.#messages.search(plan, undefined);
      const row = this.#conversations.read(plan.conversation);
      return row === undefined ? [] : this.#messages.search(plan, row.number);
    });
  }

  remove(conversation: string): Promise<void> {
    const work = (): void => {
      this.#conversations.delete(conversation);
      this.#sweep();
    };
    return this.#commits.run(() => this.#conversations.during(work), rowBytes);
  }

  close(): void {
    this.#commits.close();
    this.#database.close();
  }

  #apply(change: ArchiveChange): void {
    switch (change.type) {
      case "message":
        return this.#add(change.message);
      case "read":
        return this.#read(this.#conversations.takeOrMake(change.conversation), change.upTo);
      case "mark": {
        const { conversation, mark } = change;
        const row =
          mark === undefined ? this.#conversations.take(conversation) : this.#conversations.takeOrMake(conversation);
        if (row !== undefined) row.mark = mark;
        return;
      }
      default:
        return this.#change(change);
    }
  }

  #add(given: NewMessage): void {
    const row = this.#conversations.takeOrMake(given.conversation);
    if (this.#messages.has(row.number, given.id)) return;
    const isFree = given.sort !== undefined && !this.#messages.hasSort(row.number, given.sort);
    const sort = isFree ? given.sort : row.lastSort + 1;
    const plain = { ...given, sort, edited: undefined, retracted: undefined, reactions: {}, replies: 0 };
    const message = this.#waiting.apply(row.number, plain);
    this.#messages.insert(row.number, message, threadOf(plain));
    countMessage(row, message, 1);
    if (sort <= row.lastSort) return;
    row.lastSort = sort;
    row.touched = this.#tally.next("touched");
  }

  #change(change: MessageChange): void {
    const row = this.#conversations.take(change.conversation);
    const known = row && this.#messages.get(row.number, row.conversation, idOfChange(change));
    if (row === undefined || known === undefined) {
      if (mayWait(change)) this.#waiting.add(this.#conversations.takeOrMake(change.conversation).number, change);
      return;
    }
    const turned = openedChange(known.message, change);
    if (turned !== undefined) {
      this.#drop(known.place);
      return this.#change(turned);
    }
    const next = changedMessage(known.message, change);
    if (next === known.message) return;
    if (next === "waits") {
      if (mayWait(change)) this.#waiting.add(row.number, change);
      return;
    }
    const isOpened = change.type === "opened" || change.type === "retract";
    const message = isOpened ? this.#waiting.apply(row.number, next) : next;
    this.#messages.update(row.number, known, message, known.thread ?? threadOf(next));
    recountMentioned(row, known.message, message);
  }

  #read(row: ConversationRow, upTo: number): void {
    if (upTo <= row.read) return;
    if (upTo >= row.lastSort) row.unread = row.mentions = 0;
    else {
      const { unread, mentions } = this.#messages.unread(row.number, row.read, upTo);
      row.unread -= unread;
      row.mentions -= mentions;
    }
    row.read = upTo;
  }

  /** Deletes what is gone and what is over the bounds, so much at once, and the rest later. */
  #sweep(): void {
    let left = sweepMessages - this.#sweepGone(sweepMessages);
    while (left > 0 && this.#isOver) {
      const places = this.#messages.first(Math.min(left, 64));
      for (const place of places) if (this.#isOver) this.#drop(place);
      left -= places.length;
    }
    if (left <= 0) this.#sweepLater();
  }

  #sweepLater(): void {
    this.#commits.runLater(() => this.#conversations.during(() => this.#sweep()));
  }

  get #isOver(): boolean {
    return this.#tally.get("entries") > this.#maxMessages || this.#tally.get("bytes") > this.#maxBytes;
  }

  /** Gives how many it deleted. */
  #sweepGone(most: number): number {
    let deleted = 0;
    while (deleted < most) {
      const gone = this.#database.statement("SELECT number FROM gone LIMIT 1").get();
      if (gone === undefined) return deleted;
      const number = numberIn(gone, "number");
      const places = this.#messages.first(most - deleted, number);
      for (const place of places) this.#messages.delete(place);
      deleted += places.length;
      if (deleted < most) this.#database.statement("DELETE FROM gone WHERE number = ?").run(number);
    }
    return deleted;
  }

  #drop(place: number): void {
    const gone = this.#messages.delete(place);
    const row = gone && this.#conversations.takeNumber(gone.conversation);
    if (row !== undefined && gone !== undefined) countMessage(row, gone, -1);
  }

  #relieve(): boolean {
    if (this.#sweepGone(sweepMessages) > 0) return true;
    const places = this.#messages.first(sweepMessages);
    for (const place of places) this.#drop(place);
    return places.length > 0;
  }
}
