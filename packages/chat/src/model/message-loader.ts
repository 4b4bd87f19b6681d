import type { PendingPost } from "@parley/client";
import type { ArchivedMessage, MessagePage } from "@parley/core";
import { textContent, toParleyError } from "@parley/protocol";

import { placedNotices, withPending } from "./chat-events.ts";
import type { ChatModelOptions } from "./chat-model.ts";
import type { ChatStore } from "./chat-store.ts";
import { mergeMessages, mostLoaded } from "./message-list.ts";

/** Messages that one look into the archive brings. */
const pageSize = 100;
/** Archives' pages that opening a conversation reads at most to come to the first unread message. */
const mostUnreadPages = 5;

/** An edit or a reaction is no message of its own. */
const isSaid = ({ content }: PendingPost): boolean => textContent(content) !== undefined;

/** Brings messages of conversations from the archive, and older ones from the registry. */
export class MessageLoader {
  readonly #options: ChatModelOptions;
  readonly #store: ChatStore;

  constructor(options: ChatModelOptions, store: ChatStore) {
    this.#options = options;
    this.#store = store;
  }

  async load(key: string): Promise<void> {
    const conversation = this.#store.conversation(key);
    if (conversation === undefined || conversation.loaded || conversation.loading) return;
    this.#store.change(key, (one) => ({ ...one, loading: true }));
    try {
      // Ahead of the history: what comes into it meanwhile is in both, and shown once.
      const waiting = key.startsWith("#") ? await this.#options.device.conversations.pending(key) : [];
      let page = await this.#page(key, undefined);
      for (let read = 1; read < mostUnreadPages && page.more; read++) {
        const first = page.messages[0]?.sort ?? 0;
        if (first <= conversation.read || conversation.unread <= page.messages.length) break;
        const earlier = await this.#page(key, first);
        page = { messages: [...earlier.messages, ...page.messages], more: earlier.more };
      }
      this.#store.change(key, (one) => {
        const messages = mergeMessages(page.messages, one.messages);
        const older = page.more || key.startsWith("#");
        const notices = placedNotices(one.notices, messages);
        const loaded = { ...one, loaded: true, messages, older, notices };
        return withPending(this.#store.state.me, loaded, waiting.filter(isSaid));
      });
    } catch (error) {
      this.#options.onTrouble(toParleyError(error));
    } finally {
      this.#store.change(key, (one) => ({ ...one, loading: false }));
    }
  }

  #page(conversation: string, before: number | undefined): Promise<MessagePage> {
    const { conversations: api } = this.#options.device;
    return api.messages({ conversation, limit: pageSize, ...(before === undefined ? {} : { before }) });
  }

  /** Loads what came before: from the archive, then from the registry. */
  async loadOlder(key: string): Promise<void> {
    const conversation = this.#store.conversation(key);
    if (conversation === undefined || conversation.loading || !conversation.older || !conversation.loaded) return;
    if (conversation.messages.length >= mostLoaded) return;
    this.#store.change(key, (one) => ({ ...one, loading: true }));
    try {
      const before = conversation.messages[0]?.sort;
      let page = await this.#page(key, before);
      if (page.messages.length === 0 && key.startsWith("#")) {
        const fetched = await this.#options.device.conversations.fetchOlder(key);
        if (fetched) page = { ...(await this.#page(key, before)), more: true };
      }
      this.#store.change(key, (one) => ({
        ...one,
        messages: mergeMessages(one.messages, page.messages),
        older: page.messages.length > 0 && (page.more || key.startsWith("#")),
      }));
    } catch (error) {
      this.#options.onTrouble(toParleyError(error));
    } finally {
      this.#store.change(key, (one) => ({ ...one, loading: false }));
    }
  }

  /** Loads page after page until a message is among what is loaded, or nothing older comes. */
  async loadBackTo({ conversation: key, id }: ArchivedMessage): Promise<void> {
    for (;;) {
      const conversation = this.#store.conversation(key);
      if (conversation === undefined || conversation.messages.some((message) => message.id === id)) return;
      await this.loadOlder(key);
      if (this.#store.conversation(key)?.messages.length === conversation.messages.length) return;
    }
  }
}
