import { ParleyError } from "@parley/protocol";

import type {
  Archive,
  ArchiveChange,
  ArchivedMessage,
  ArchiveOptions,
  ConversationSummary,
  MessagePage,
  NewMessage,
} from "../ports/archive.ts";
import { defaultArchiveBytes, defaultArchiveMessages, maxConversations } from "../ports/archive.ts";
import type { MessageChange } from "./archive-change.ts";
import { changedMessage, idOfChange, mayWait, messageBytes, openedChange, threadOf } from "./archive-change.ts";
import type { MessagePlan, SearchPlan } from "./archive-checks.ts";
import { PageFiller, pageOf } from "./archive-checks.ts";
import { countMessage, isListed, newConversation, recountMentioned, summaryOf } from "./archive-conversation.ts";
import { type Entry, MemoryConversation } from "./archive-messages.ts";
import { hasWords, wordsOf } from "./archive-words.ts";
import type { ArchiveParts } from "./checked-archive.ts";
import { CheckedArchive } from "./checked-archive.ts";
import { Holdings } from "./journal-holdings.ts";

/** An archive in memory: for devices that need not outlive their process, and for tests. */
export function openMemoryArchive(options: ArchiveOptions = {}): Archive {
  return new CheckedArchive(new MemoryArchive(options));
}

class MemoryArchive implements ArchiveParts {
  readonly #conversations = new Map<string, MemoryConversation>();
  /** In the order in which they were applied. */
  readonly #entries = new Set<Entry>();
  readonly #holdings: Holdings;
  readonly #maxConversations: number;
  #touched = 0;
  #closed = false;

  constructor(options: ArchiveOptions) {
    const { maxMessages: maxEntries = defaultArchiveMessages, maxBytes = defaultArchiveBytes } = options;
    this.#holdings = new Holdings("archive", { maxEntries, maxBytes });
    this.#maxConversations = options.maxConversations ?? maxConversations;
  }

  checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  apply(changes: readonly ArchiveChange[]): void {
    for (const change of changes) this.#apply(change);
    this.#trim();
  }

  conversations(): readonly ConversationSummary[] {
    return [...this.#conversations.values()]
      .filter(({ counts }) => isListed(counts))
      .toSorted((one, other) => other.counts.touched - one.counts.touched)
      .map((conversation) => summaryOf(conversation.counts, conversation.last));
  }

  messages(plan: MessagePlan): MessagePage {
    const conversation = this.#conversations.get(plan.conversation);
    return conversation === undefined ? { messages: [], more: false } : pageOf(conversation.find(plan), plan);
  }

  message(conversation: string, id: string): ArchivedMessage | undefined {
    return this.#conversations.get(conversation)?.message(id);
  }

  search({ words, conversation, author, limit }: SearchPlan): readonly ArchivedMessage[] {
    const filler = new PageFiller(limit);
    for (const entry of [...this.#entries].toReversed()) {
      const { message } = entry;
      if (conversation !== undefined && message.conversation !== conversation) continue;
      if (author !== undefined && message.author !== author) continue;
      if (!hasWords(entry.words, words)) continue;
      const found = this.message(message.conversation, message.id);
      if (found !== undefined && !filler.take(found)) break;
    }
    return filler.messages;
  }

  remove(name: string): void {
    const conversation = this.#conversations.get(name);
    if (conversation === undefined) return;
    this.#conversations.delete(name);
    for (const entry of conversation.entries()) this.#uncount(entry);
  }

  close(): void {
    this.#closed = true;
  }

  #apply(change: ArchiveChange): void {
    switch (change.type) {
      case "message":
        return this.#add(change.message);
      case "read":
        return this.#conversation(change.conversation).read(change.upTo);
      case "mark":
        if (change.mark === undefined && !this.#conversations.has(change.conversation)) return;
        this.#conversation(change.conversation).counts.mark = change.mark;
        return;
      default:
        return this.#change(change);
    }
  }

  #add(given: NewMessage): void {
    const conversation = this.#conversation(given.conversation);
    const { counts } = conversation;
    if (conversation.get(given.id) !== undefined) return;
    const isFree = given.sort !== undefined && !conversation.hasSort(given.sort);
    const sort = isFree ? given.sort : counts.lastSort + 1;
    const plain = { ...given, sort, edited: undefined, retracted: undefined, reactions: {}, replies: 0 };
    const message = conversation.afterWaiting(plain);
    const entry: Entry = { message, thread: threadOf(plain) ?? threadOf(message), words: wordsOf(message.content) };
    conversation.add(entry);
    this.#entries.add(entry);
    this.#holdings.add(1, messageBytes(message));
    countMessage(counts, message, 1);
    if (sort <= counts.lastSort) return;
    counts.lastSort = sort;
    counts.touched = ++this.#touched;
  }

  #change(change: MessageChange): void {
    const known = this.#conversations.get(change.conversation)?.get(idOfChange(change));
    if (known === undefined) {
      if (mayWait(change)) this.#conversation(change.conversation).addWaiting(change);
      return;
    }
    const conversation = this.#conversation(change.conversation);
    const turned = openedChange(known.message, change);
    if (turned !== undefined) {
      this.#drop(known);
      return this.#change(turned);
    }
    const next = changedMessage(known.message, change);
    if (next === "waits") {
      if (mayWait(change)) conversation.addWaiting(change);
      return;
    }
    if (next === known.message) return;
    const isOpened = change.type === "opened" || change.type === "retract";
    this.#put(conversation, known, isOpened ? conversation.afterWaiting(next) : next);
  }

  #put({ counts }: MemoryConversation, entry: Entry, message: ArchivedMessage): void {
    this.#holdings.add(0, messageBytes(message) - messageBytes(entry.message));
    recountMentioned(counts, entry.message, message);
    const thread = entry.thread ?? threadOf(message);
    this.#conversations.get(message.conversation)?.joinThread(entry, thread);
    if (message.content !== entry.message.content) entry.words = wordsOf(message.content);
    entry.message = message;
  }

  #conversation(name: string): MemoryConversation {
    const known = this.#conversations.get(name);
    if (known !== undefined) return known;
    const made = new MemoryConversation(newConversation(name, ++this.#touched));
    this.#conversations.set(name, made);
    if (this.#conversations.size > this.#maxConversations) {
      let least = made;
      for (const each of this.#conversations.values()) if (each.counts.touched < least.counts.touched) least = each;
      this.remove(least.counts.conversation);
    }
    return made;
  }

  #trim(): void {
    for (const entry of this.#entries) {
      if (!this.#holdings.isOver) return;
      this.#drop(entry);
    }
  }

  #drop(entry: Entry): void {
    const conversation = this.#conversations.get(entry.message.conversation);
    conversation?.delete(entry);
    if (conversation !== undefined) countMessage(conversation.counts, entry.message, -1);
    this.#uncount(entry);
  }

  #uncount(entry: Entry): void {
    this.#entries.delete(entry);
    this.#holdings.add(-1, -messageBytes(entry.message));
  }
}
