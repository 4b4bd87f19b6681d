import { updated } from "./chat-events.ts";
import type { ChatState, Conversation } from "./chat-state.ts";

/** Holds the state of a chat and tells whoever looks that it is another one. */
export class ChatStore {
  readonly #listeners = new Set<() => void>();
  #state: ChatState;

  constructor(state: ChatState) {
    this.#state = state;
  }

  get state(): ChatState {
    return this.#state;
  }

  conversation(key: string): Conversation | undefined {
    return this.#state.conversations.get(key);
  }

  put(state: ChatState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }

  /** Changes one conversation, if it is there. */
  change(key: string, change: (conversation: Conversation) => Conversation): void {
    this.put(updated(this.#state, key, change));
  }

  /** Calls back after each change; returns the way out. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
