import type { ArchivedMessage, ConversationCounts, WaitingChange } from "@parley/core";

import type { DatabaseShape } from "./database.ts";

/** Of `conversations`. The number is never given again: messages of one that is `gone` are deleted by and by. */
export interface ConversationRow extends ConversationCounts {
  readonly number: number;
}

/** Of `messages`. What is absent is not in the index of that name. */
export interface MessageRow {
  readonly place: number;
  /** Number. */
  readonly conversation: number;
  readonly id: string;
  readonly sort: number;
  readonly thread?: string;
  /** The sort of what is not one's own. */
  readonly incoming?: number;
  /** The sort of what, of that, calls this member. */
  readonly calls?: number;
  readonly words: readonly string[];
  readonly bytes: number;
  readonly message: ArchivedMessage;
}

/** Of `waiting`. */
export interface WaitingRow {
  readonly place: number;
  readonly conversation: number;
  readonly of: string;
  readonly bytes: number;
  readonly change: WaitingChange;
}

export const archiveShape: DatabaseShape = {
  version: 1,
  upgrade(database) {
    database.createObjectStore("settings");
    const conversations = database.createObjectStore("conversations", { keyPath: "number" });
    conversations.createIndex("name", "conversation", { unique: true });
    conversations.createIndex("touched", "touched");
    database.createObjectStore("gone");
    const messages = database.createObjectStore("messages", { keyPath: "place" });
    messages.createIndex("sort", ["conversation", "sort"], { unique: true });
    messages.createIndex("id", ["conversation", "id"], { unique: true });
    messages.createIndex("thread", ["conversation", "thread", "sort"]);
    messages.createIndex("incoming", ["conversation", "incoming"]);
    messages.createIndex("calls", ["conversation", "calls"]);
    messages.createIndex("words", "words", { multiEntry: true });
    const waiting = database.createObjectStore("waiting", { keyPath: "place" });
    waiting.createIndex("of", ["conversation", "of"]);
    waiting.createIndex("conversation", "conversation");
  },
};
