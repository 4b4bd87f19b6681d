import type { ArchivedMessage, MessagePage, MessagePlan, SearchPlan } from "@parley/core";
import { hasWords, messageBytes, PageFiller, wordsOf } from "@parley/core";

import type { MessageRow } from "./archive-shape.ts";
import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import type { Tally } from "./tally.ts";

/** Sorts behind every text and number in a key. */
const last: IDBValidKey = [];
/** Rows that a search looks at in one go. */
const batch = 64;

const ofConversation = (conversation: number): IDBKeyRange => IDBKeyRange.bound([conversation], [conversation, last]);
const beginningWith = (start: string): IDBKeyRange => IDBKeyRange.bound(start, `${start}\u{FFFF}`);

/** The messages of an archive and how much there is of them. */
export class Messages {
  readonly #tally: Tally;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  get(transaction: Transaction, conversation: number, id: string): Promise<MessageRow | undefined> {
    return done<MessageRow | undefined>(transaction.store("messages").index("id").get([conversation, id]));
  }

  async hasSort(transaction: Transaction, conversation: number, sort: number): Promise<boolean> {
    return (await done(transaction.store("messages").index("sort").getKey([conversation, sort]))) !== undefined;
  }

  async last(transaction: Transaction, conversation: number): Promise<ArchivedMessage | undefined> {
    const request = transaction.store("messages").index("sort").openCursor(ofConversation(conversation), "prev");
    const cursor = await done(request);
    return cursor === null ? undefined : (cursor.value as MessageRow).message;
  }

  async insert(
    transaction: Transaction,
    conversation: number,
    message: ArchivedMessage,
    thread: string | undefined,
  ): Promise<void> {
    const { id } = message;
    const answers = IDBKeyRange.bound([conversation, id], [conversation, id, last]);
    const replies = await done(transaction.store("messages").index("thread").count(answers));
    const bytes = this.#put(transaction, this.#tally.next("place"), conversation, { ...message, replies }, thread);
    this.#count(1, bytes);
    await this.#countReply(transaction, conversation, thread, 1);
  }

  async update(
    transaction: Transaction,
    { place, conversation, bytes: before, thread: was }: MessageRow,
    message: ArchivedMessage,
    thread: string | undefined,
  ): Promise<void> {
    this.#count(0, this.#put(transaction, place, conversation, message, thread) - before);
    if (thread !== was) await this.#countReply(transaction, conversation, thread, 1);
  }

  /** Places of the first that were applied, or of a conversation's. */
  async first(transaction: Transaction, limit: number, conversation?: number): Promise<readonly number[]> {
    const store = transaction.store("messages");
    if (conversation === undefined) return (await done(store.getAllKeys(null, limit))) as number[];
    return (await done(store.index("sort").getAllKeys(ofConversation(conversation), limit))) as number[];
  }

  /** What it was. */
  async delete(transaction: Transaction, place: number): Promise<MessageRow | undefined> {
    const row = await transaction.get<MessageRow>("messages", place);
    if (row === undefined) return undefined;
    transaction.delete("messages", place);
    this.#count(-1, -row.bytes);
    await this.#countReply(transaction, row.conversation, row.thread, -1);
    return row;
  }

  /** How many after the one and up to the other may be unread, and how many of them call this member. */
  async unread(transaction: Transaction, conversation: number, after: number, upTo: number) {
    const store = transaction.store("messages");
    const range = IDBKeyRange.bound([conversation, after], [conversation, upTo], true, false);
    const unread = await done(store.index("incoming").count(range));
    return { unread, mentions: await done(store.index("calls").count(range)) };
  }

  async page(transaction: Transaction, conversation: number, plan: MessagePlan): Promise<MessagePage> {
    const { after, before, oldestFirst, thread, limit } = plan;
    if (after >= before) return { messages: [], more: false };
    const filler = new PageFiller(limit);
    let more = false;
    const offer = (message: ArchivedMessage): void => {
      more ||= !filler.take(message);
    };
    let root = thread === undefined ? undefined : (await this.get(transaction, conversation, thread))?.message;
    if (root !== undefined && (root.sort <= after || root.sort >= before)) root = undefined;
    const start = thread === undefined ? [conversation] : [conversation, thread];
    const request = transaction
      .store("messages")
      .index(thread === undefined ? "sort" : "thread")
      .openCursor(IDBKeyRange.bound([...start, after], [...start, before], true, true), oldestFirst ? "next" : "prev");
    for (let cursor = await done(request); cursor !== null; cursor = await done(request)) {
      const { message } = cursor.value as MessageRow;
      if (root !== undefined && (oldestFirst ? root.sort < message.sort : root.sort > message.sort)) {
        offer(root);
        root = undefined;
      }
      offer(message);
      if (more) break;
      cursor.continue();
    }
    if (root !== undefined) offer(root);
    return { messages: oldestFirst ? filler.messages : filler.messages.toReversed(), more };
  }

  async search(
    transaction: Transaction,
    { words, author, limit }: SearchPlan,
    conversation: number | undefined,
  ): Promise<readonly ArchivedMessage[]> {
    const filler = new PageFiller(limit);
    const gone = new Set(await done(transaction.store("gone").getAllKeys()));
    const places = await this.#placesWith(transaction, words);
    for (let from = 0; from < places.length; from += batch) {
      const rows = await Promise.all(
        places.slice(from, from + batch).map((place) => transaction.get<MessageRow>("messages", place)),
      );
      for (const row of rows) {
        if (row === undefined || gone.has(row.conversation) || !hasWords(row.words, words)) continue;
        if (conversation !== undefined && row.conversation !== conversation) continue;
        if (author !== undefined && row.message.author !== author) continue;
        if (!filler.take(row.message)) return filler.messages;
      }
    }
    return filler.messages;
  }

  /** Where the rarest of the words is, the newest first. */
  async #placesWith(transaction: Transaction, words: readonly string[]): Promise<readonly number[]> {
    const index = transaction.store("messages").index("words");
    const counts = await Promise.all(words.map((word) => done(index.count(beginningWith(word)))));
    const rarest = words[counts.indexOf(Math.min(...counts))] ?? "";
    const places = await done(index.getAllKeys(beginningWith(rarest)));
    return [...new Set(places as number[])].toSorted((one, other) => other - one);
  }

  /** Gives its bytes. */
  #put(
    transaction: Transaction,
    place: number,
    conversation: number,
    message: ArchivedMessage,
    thread: string | undefined,
  ): number {
    const { id, sort, own, mentioned } = message;
    const bytes = messageBytes(message);
    const row: MessageRow = {
      place,
      conversation,
      id,
      sort,
      words: wordsOf(message.content),
      bytes,
      message,
      ...(thread === undefined ? {} : { thread }),
      ...(own ? {} : { incoming: sort }),
      ...(own || mentioned !== true ? {} : { calls: sort }),
    };
    transaction.put("messages", row);
    return bytes;
  }

  #count(entries: number, bytes: number): void {
    this.#tally.set("entries", this.#tally.get("entries") + entries);
    this.#tally.set("bytes", this.#tally.get("bytes") + bytes);
  }

  async #countReply(
    transaction: Transaction,
    conversation: number,
    thread: string | undefined,
    step: number,
  ): Promise<void> {
    if (thread === undefined) return;
    const root = await this.get(transaction, conversation, thread);
    if (root === undefined) return;
    const message = { ...root.message, replies: root.message.replies + step };
    transaction.put("messages", { ...root, message });
  }
}
