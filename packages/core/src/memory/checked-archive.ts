import type {
  Archive,
  ArchiveChange,
  ArchivedMessage,
  ConversationSummary,
  MessagePage,
  MessageQuery,
  SearchQuery,
} from "../ports/archive.ts";
import {
  checkChanges,
  checkConversation,
  checkMessageId,
  checkMessageQuery,
  checkSearchQuery,
  type MessagePlan,
  type SearchPlan,
} from "./archive-checks.ts";

/** What an adapter does itself. Everything that it is given was checked. */
export interface ArchiveParts {
  /** Throws `closed`. */
  checkOpen(): void;
  /** `bytes` is about what they write. */
  apply(changes: readonly ArchiveChange[], bytes: number): void | Promise<void>;
  conversations(): readonly ConversationSummary[] | Promise<readonly ConversationSummary[]>;
  messages(plan: MessagePlan): MessagePage | Promise<MessagePage>;
  message(conversation: string, id: string): ArchivedMessage | undefined | Promise<ArchivedMessage | undefined>;
  /** There is a word in the plan. */
  search(plan: SearchPlan): readonly ArchivedMessage[] | Promise<readonly ArchivedMessage[]>;
  remove(conversation: string): void | Promise<void>;
  close(): void | Promise<void>;
}

/** An archive over the part of an adapter: what all adapters refuse is refused here, with the same codes. */
export class CheckedArchive implements Archive {
  readonly #parts: ArchiveParts;

  constructor(parts: ArchiveParts) {
    this.#parts = parts;
  }

  async apply(changes: readonly ArchiveChange[]): Promise<void> {
    const parts = this.#open;
    const bytes = checkChanges(changes);
    await parts.apply(changes, bytes);
  }

  async conversations(): Promise<readonly ConversationSummary[]> {
    return this.#open.conversations();
  }

  async messages(query: MessageQuery): Promise<MessagePage> {
    return this.#open.messages(checkMessageQuery(query));
  }

  async message(conversation: string, id: string): Promise<ArchivedMessage | undefined> {
    const parts = this.#open;
    checkConversation(conversation);
    checkMessageId(id);
    return parts.message(conversation, id);
  }

  async search(query: SearchQuery): Promise<readonly ArchivedMessage[]> {
    const parts = this.#open;
    const plan = checkSearchQuery(query);
    return plan.words.length === 0 ? [] : parts.search(plan);
  }

  async remove(conversation: string): Promise<void> {
    const parts = this.#open;
    checkConversation(conversation);
    await parts.remove(conversation);
  }

  async close(): Promise<void> {
    await this.#parts.close();
  }

  get #open(): ArchiveParts {
    this.#parts.checkOpen();
    return this.#parts;
  }
}
