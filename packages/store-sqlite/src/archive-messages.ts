import type { ArchivedMessage, MessagePlan, SearchPlan } from "@parley/core";
import { messageBytes, PageFiller, wordsOf } from "@parley/core";

import { changeable, changeableValues, messageColumns, messageIn } from "./archive-row.ts";
import { numberIn, optionalTextIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Tally } from "./tally.ts";

/** A message with what its row has beside it. */
export interface StoredMessage {
  readonly place: number;
  readonly thread: string | undefined;
  readonly message: ArchivedMessage;
}

/** What a message is that goes. */
export interface GoneMessage {
  readonly conversation: number;
  readonly thread: string | undefined;
  readonly sort: number;
  readonly own: boolean;
  readonly mentioned: boolean;
}

/** Before a mark among the words of a text: no word has it, since it is neither a letter nor a digit. */
const markStart = "\u{E000}";
const conversationMark = (conversation: number): string => `${markStart}c${conversation}`;
/** Several authors may share one: it narrows a search down, no more. */
const authorMark = (author: string): string => `${markStart}a${author.replaceAll(/[^A-Za-z0-9]/g, "")}`;

const isText = ({ content }: ArchivedMessage): boolean => content.type === "text";

/** The messages of an archive, their words and how much there is of them. */
export class MessageTable {
  readonly #database: Database;
  readonly #tally: Tally;

  constructor(database: Database, tally: Tally) {
    this.#database = database;
    this.#tally = tally;
  }

  has(conversation: number, id: string): boolean {
    const found = this.#database.statement("SELECT 1 FROM message WHERE conversation = ? AND id = ?");
    return found.get(conversation, id) !== undefined;
  }

  hasSort(conversation: number, sort: number): boolean {
    const found = this.#database.statement("SELECT 1 FROM message WHERE conversation = ? AND sort = ?");
    return found.get(conversation, sort) !== undefined;
  }

  get(conversation: number, name: string, id: string): StoredMessage | undefined {
    const row = this.#database
      .statement(`SELECT thread, ${messageColumns} FROM message WHERE conversation = ? AND id = ?`)
      .get(conversation, id);
    if (row === undefined) return undefined;
    return { place: numberIn(row, "place"), thread: optionalTextIn(row, "thread"), message: messageIn(row, name) };
  }

  last(conversation: number, name: string): ArchivedMessage | undefined {
    const row = this.#database
      .statement(`SELECT ${messageColumns} FROM message WHERE conversation = ? ORDER BY sort DESC LIMIT 1`)
      .get(conversation);
    return row === undefined ? undefined : messageIn(row, name);
  }

  insert(conversation: number, message: ArchivedMessage, thread: string | undefined): void {
    const { id, sort, own, author, name, device, created, taken, protection } = message;
    const replies = this.#database
      .statement("SELECT count(*) AS count FROM message WHERE conversation = ? AND thread = ?")
      .get(conversation, id);
    const { lastInsertRowid } = this.#database
      .statement(
        `INSERT INTO message (conversation, id, sort, own, replies, author, name, device, created, taken, protection, ${changeable.join()})
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${changeable.map(() => "?").join()})`,
      )
      .run(
        conversation,
        id,
        sort,
        Number(own),
        numberIn(replies ?? {}, "count"),
        author,
        name,
        device ?? null,
        created,
        taken,
        protection,
        ...changeableValues(message, thread),
      );
    this.#count(1, messageBytes(message));
    this.#countReply(conversation, thread, 1);
    this.#addWords(Number(lastInsertRowid), conversation, message);
  }

  update(conversation: number, before: StoredMessage, message: ArchivedMessage, thread: string | undefined): void {
    const { place } = before;
    this.#database
      .statement(`UPDATE message SET ${changeable.map((name) => `${name} = ?`).join()} WHERE place = ?`)
      .run(...changeableValues(message, thread), place);
    this.#count(0, messageBytes(message) - messageBytes(before.message));
    if (thread !== before.thread) this.#countReply(conversation, thread, 1);
    if (message.content === before.message.content) return;
    if (isText(before.message)) this.#deleteWords(place);
    this.#addWords(place, conversation, message);
  }

  /** Places of the first that were applied, or of a conversation's. */
  first(limit: number, conversation?: number): readonly number[] {
    const rows =
      conversation === undefined
        ? this.#database.statement("SELECT place FROM message ORDER BY place LIMIT ?").all(limit)
        : this.#database.statement("SELECT place FROM message WHERE conversation = ? LIMIT ?").all(conversation, limit);
    return rows.map((row) => numberIn(row, "place"));
  }

  delete(place: number): GoneMessage | undefined {
    const row = this.#database
      .statement(
        `DELETE FROM message WHERE place = ?
         RETURNING conversation, thread, sort, own, mentioned, bytes, json_extract(content, '$.type') AS type`,
      )
      .get(place);
    if (row === undefined) return undefined;
    const conversation = numberIn(row, "conversation");
    const thread = optionalTextIn(row, "thread");
    if (textIn(row, "type") === "text") this.#deleteWords(place);
    this.#count(-1, -numberIn(row, "bytes"));
    this.#countReply(conversation, thread, -1);
    const [own, mentioned] = [row["own"] === 1, row["mentioned"] === 1];
    return { conversation, thread, sort: numberIn(row, "sort"), own, mentioned };
  }

  /** How many after the one and up to the other may be unread, and how many of them call this member. */
  unread(conversation: number, after: number, upTo: number): { readonly unread: number; readonly mentions: number } {
    const row = this.#database
      .statement(
        `SELECT count(*) AS unread, coalesce(sum(mentioned), 0) AS mentions FROM message
         WHERE conversation = ? AND sort > ? AND sort <= ? AND own = 0`,
      )
      .get(conversation, after, upTo);
    return { unread: numberIn(row ?? {}, "unread"), mentions: numberIn(row ?? {}, "mentions") };
  }

  /** What a plan asks for, in its direction, and one more. */
  *find(conversation: number, plan: MessagePlan): Generator<ArchivedMessage> {
    const { after, before, oldestFirst, thread, limit, conversation: name } = plan;
    let root = thread === undefined ? undefined : this.get(conversation, name, thread)?.message;
    if (root !== undefined && (root.sort <= after || root.sort >= before)) root = undefined;
    const ofThread = thread === undefined ? "" : "AND thread = ?";
    const rows = this.#database.statement(
      `SELECT ${messageColumns} FROM message WHERE conversation = ? ${ofThread} AND sort > ? AND sort < ?
       ORDER BY sort ${oldestFirst ? "ASC" : "DESC"} LIMIT ?`,
    );
    const values = thread === undefined ? [conversation] : [conversation, thread];
    for (const row of rows.iterate(...values, after, before, limit + 1)) {
      const message = messageIn(row, name);
      if (root !== undefined && (oldestFirst ? root.sort < message.sort : root.sort > message.sort)) {
        yield root;
        root = undefined;
      }
      yield message;
    }
    if (root !== undefined) yield root;
  }

  search({ words, author, limit }: SearchPlan, conversation: number | undefined): readonly ArchivedMessage[] {
    const terms = words.map((word) => `"${word}"*`);
    if (conversation !== undefined) terms.push(`"${conversationMark(conversation)}"`);
    if (author !== undefined) terms.push(`"${authorMark(author)}"`);
    const rows = this.#database.statement(
      `SELECT conversation.name AS conversation, ${messageColumns}
       FROM message_words CROSS JOIN message ON message.place = message_words.rowid
         CROSS JOIN conversation ON conversation.number = message.conversation
       WHERE message_words MATCH ? AND (? IS NULL OR message.author = ?) ORDER BY message_words.rowid DESC LIMIT ?`,
    );
    const filler = new PageFiller(limit);
    for (const row of rows.iterate(terms.join(" "), author ?? null, author ?? null, limit))
      if (!filler.take(messageIn(row, textIn(row, "conversation")))) break;
    return filler.messages;
  }

  #count(entries: number, bytes: number): void {
    this.#tally.set("entries", this.#tally.get("entries") + entries);
    this.#tally.set("bytes", this.#tally.get("bytes") + bytes);
  }

  #countReply(conversation: number, thread: string | undefined, step: number): void {
    if (thread === undefined) return;
    this.#database
      .statement("UPDATE message SET replies = replies + ? WHERE conversation = ? AND id = ?")
      .run(step, conversation, thread);
  }

  #addWords(place: number, conversation: number, message: ArchivedMessage): void {
    if (!isText(message)) return;
    const words = [...wordsOf(message.content), conversationMark(conversation), authorMark(message.author)];
    this.#database.statement("INSERT INTO message_words (rowid, words) VALUES (?, ?)").run(place, words.join(" "));
  }

  #deleteWords(place: number): void {
    this.#database.statement("DELETE FROM message_words WHERE rowid = ?").run(place);
  }
}
