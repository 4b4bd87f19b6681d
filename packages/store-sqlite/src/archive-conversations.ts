import type { ConversationCounts } from "@parley/core";
import { newConversation } from "@parley/core";

import { numberIn, optionalTextIn, type Row, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Tally } from "./tally.ts";

export interface ConversationRow extends ConversationCounts {
  readonly number: number;
}

const columns = "number, name, messages, unread, mentions, read, mark, last_sort, touched";

const rowOf = (row: Row): ConversationRow => ({
  number: numberIn(row, "number"),
  conversation: textIn(row, "name"),
  messages: numberIn(row, "messages"),
  unread: numberIn(row, "unread"),
  mentions: numberIn(row, "mentions"),
  read: numberIn(row, "read"),
  mark: optionalTextIn(row, "mark"),
  lastSort: numberIn(row, "last_sort"),
  touched: numberIn(row, "touched"),
});

/** The conversations of an archive. Within one piece of work each is read once, and written once at its end. */
export class ConversationTable {
  readonly #database: Database;
  readonly #tally: Tally;
  readonly #max: number;
  readonly #used = new Map<string, ConversationRow>();

  constructor(database: Database, tally: Tally, max: number) {
    this.#database = database;
    this.#tally = tally;
    this.#max = max;
  }

  /** Runs inside a transaction; the rows that it takes are written afterwards. */
  during<Value>(work: () => Value): Value {
    try {
      const value = work();
      this.#write();
      return value;
    } finally {
      this.#used.clear();
    }
  }

  /** To be changed. */
  take(name: string): ConversationRow | undefined {
    const used = this.#used.get(name);
    if (used !== undefined) return used;
    const found = this.read(name);
    if (found !== undefined) this.#used.set(name, found);
    return found;
  }

  takeNumber(number: number): ConversationRow | undefined {
    const found = this.#database.statement("SELECT name FROM conversation WHERE number = ?").get(number);
    return found === undefined ? undefined : this.take(textIn(found, "name"));
  }

  takeOrMake(name: string): ConversationRow {
    const known = this.take(name);
    if (known !== undefined) return known;
    const counts = newConversation(name, this.#tally.next("touched"));
    const { lastInsertRowid } = this.#database
      .statement(
        `INSERT INTO conversation (name, messages, unread, mentions, read, mark, last_sort, touched)
         VALUES (?, 0, 0, 0, 0, NULL, 0, ?)`,
      )
      .run(name, counts.touched);
    const made = { ...counts, number: Number(lastInsertRowid) };
    this.#used.set(name, made);
    this.#makeRoom();
    return made;
  }

  read(name: string): ConversationRow | undefined {
    const row = this.#database.statement(`SELECT ${columns} FROM conversation WHERE name = ?`).get(name);
    return row === undefined ? undefined : rowOf(row);
  }

  /** Those that are listed, in their order. */
  list(): readonly ConversationRow[] {
    return this.#database
      .statement(`SELECT ${columns} FROM conversation WHERE messages > 0 OR mark IS NOT NULL ORDER BY touched DESC`)
      .all()
      .map(rowOf);
  }

  /** Its messages are deleted by and by. */
  delete(name: string): void {
    const row = this.take(name);
    if (row === undefined) return;
    this.#used.delete(name);
    this.#database.statement("DELETE FROM conversation WHERE number = ?").run(row.number);
    this.#database.statement("DELETE FROM waiting WHERE conversation = ?").run(row.number);
    this.#database.statement("INSERT INTO gone (number) VALUES (?)").run(row.number);
  }

  #makeRoom(): void {
    const counted = this.#database.statement("SELECT count(*) AS count FROM conversation").get();
    if (numberIn(counted ?? {}, "count") <= this.#max) return;
    this.#write();
    const least = this.#database.statement("SELECT name FROM conversation ORDER BY touched LIMIT 1").get();
    if (least !== undefined) this.delete(textIn(least, "name"));
  }

  #write(): void {
    const update = this.#database.statement(
      `UPDATE conversation SET messages = ?, unread = ?, mentions = ?, read = ?, mark = ?, last_sort = ?, touched = ? WHERE number = ?`,
    );
    for (const { number, messages, unread, mentions, read, mark, lastSort, touched } of this.#used.values())
      update.run(messages, unread, mentions, read, mark ?? null, lastSort, touched, number);
  }
}
