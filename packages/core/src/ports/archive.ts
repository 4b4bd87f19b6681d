import type { AnyContent, DeliveryState, Path, Via } from "@parley/protocol";
import { limits } from "@parley/protocol";

/**
 * Archive: what a device remembers of its conversations, for people to read, search and export. The journal knows what became of each
 * envelope; the archive knows what was said.
 *
 * A conversation is `@<member id>` or `#<channel id>`. Its messages have a `sort` that orders them, once each: in a channel the
 * post's offset, among direct messages the order in which this device took them.
 *
 * Contract:
 * - `apply` is atomic, durable when resolved, and takes effect in call order; calls of one tick share a commit. What is there already, by
 *   conversation and id, is left as it is: the same message again changes nothing but what its own change names.
 * - A change (edit, retraction, reaction) whose message is not there yet waits for it, within `maxWaitingChanges` of a conversation, oldest
 *   dropped first. Whoever may change what is the caller's business; only an `edit` or `retract` by the author of the message takes effect.
 * - Bounds: `ArchiveOptions`; over them the oldest messages go, with the commit or soon after.
 * - Search finds words by their beginnings, whatever their case and accents, newest first; all words must be in the text. It is never
 *   behind what was applied.
 * - After `close` every call rejects with `closed`. What is handed over or received is not to be changed.
 */
export interface Archive {
  apply(changes: readonly ArchiveChange[]): Promise<void>;
  /** Those with anything in them, or a mark; the one that changed last first. At most `maxConversations`. */
  conversations(): Promise<readonly ConversationSummary[]>;
  /** In order of `sort`. */
  messages(query: MessageQuery): Promise<MessagePage>;
  message(conversation: string, id: string): Promise<ArchivedMessage | undefined>;
  search(query: SearchQuery): Promise<readonly ArchivedMessage[]>;
  /** Forgets a conversation, its marks included. */
  remove(conversation: string): Promise<void>;
  close(): Promise<void>;
}

/** One thing to remember. */
export type ArchiveChange =
  /** A message. Without `sort` it comes after all that is there, in a conversation with a member. */
  | { readonly type: "message"; readonly message: NewMessage }
  /** Another text for a message, by its author. */
  | {
      readonly type: "edit";
      readonly conversation: string;
      readonly of: string;
      readonly by: string;
      readonly at: number;
      readonly text: string;
    }
  | {
      readonly type: "retract";
      readonly conversation: string;
      readonly of: string;
      readonly by: string;
      readonly at: number;
    }
  | {
      readonly type: "reaction";
      readonly conversation: string;
      readonly of: string;
      readonly by: string;
      readonly reaction: string;
      readonly on: boolean;
    }
  /** What became of a message that was sent from here. Follows `mayFollow`. */
  | {
      readonly type: "state";
      readonly conversation: string;
      readonly id: string;
      readonly state: DeliveryState;
      readonly path?: Path;
    }
  /** What was sealed with a secret, or to a group, could be opened after all: takes the place of the content. */
  | { readonly type: "opened"; readonly conversation: string; readonly id: string; readonly content: AnyContent }
  /** Everything up to and including a `sort` was read; never goes back. */
  | { readonly type: "read"; readonly conversation: string; readonly upTo: number }
  /** The caller's own small mark of a conversation, such as how far a channel was taken; undefined removes it. */
  | { readonly type: "mark"; readonly conversation: string; readonly mark: string | undefined };

/** How what was said was protected, as far as this device can tell. */
export type Protection =
  /** Sealed between devices. `secret`: under a shared secret too. */
  | "sealed"
  | "secret"
  /** An encrypted channel. */
  | "group"
  /** Signed by its author, readable by the registry: a public channel. */
  | "signed"
  /** Said through the plain door: readable by the registry, and vouched for by the door alone. */
  | "door";

export interface NewMessage {
  readonly conversation: string;
  readonly id: string;
  /** Default: after the last one. Unique in its conversation. */
  readonly sort?: number;
  /** Member id. */
  readonly author: string;
  /** The author's verified name when it came. */
  readonly name: string;
  readonly device: string | undefined;
  /** By the author's clock, ms since 1970. */
  readonly created: number;
  /** By this device's clock, ms since 1970. */
  readonly taken: number;
  readonly content: AnyContent;
  readonly path: Path | undefined;
  readonly protection: Protection;
  /** Why the content cannot be shown, when it cannot. */
  readonly unreadable?: "no-secret" | "wrong-secret" | "no-group" | "bad-signature" | "unknown";
  readonly via?: Via;
  /** Of what was sent from here. */
  readonly state?: DeliveryState;
  /** It calls this member: by name, by a role that it has, or by all. */
  readonly mentioned?: boolean;
  /** Sent by this member: never unread. */
  readonly own: boolean;
}

export interface ArchivedMessage extends NewMessage {
  readonly sort: number;
  /** When its author changed it last, ms since 1970. */
  readonly edited: number | undefined;
  /** When its author took it back. Its content is a `retract` from then on. */
  readonly retracted: number | undefined;
  /** Members by reaction, in the order in which they reacted. */
  readonly reactions: Readonly<Record<string, readonly string[]>>;
  /** Answers in its thread. */
  readonly replies: number;
}

export interface ConversationSummary {
  readonly conversation: string;
  readonly messages: number;
  /** Not read, not one's own. */
  readonly unread: number;
  /** Of those, the ones that call this member. */
  readonly mentions: number;
  /** Everything up to here was read; 0 for nothing. */
  readonly read: number;
  readonly last: ArchivedMessage | undefined;
  readonly mark: string | undefined;
}

export interface MessageQuery {
  readonly conversation: string;
  /** Only what comes after this `sort`, oldest first. */
  readonly after?: number;
  /** Only what comes before this `sort`: the newest of those. */
  readonly before?: number;
  /** Only the thread that begins with this message, itself included. */
  readonly thread?: string;
  /** Default 50, at most `maxMessagePage`. With neither `after` nor `before` the newest are given. */
  readonly limit?: number;
}

export interface MessagePage {
  /** Oldest first. */
  readonly messages: readonly ArchivedMessage[];
  /** Whether there are more in the direction that was asked for. */
  readonly more: boolean;
}

export interface SearchQuery {
  /** Words; at most `limits.queryCharacters`. */
  readonly text: string;
  readonly conversation?: string;
  /** Member id. */
  readonly author?: string;
  /** Default 50, at most `maxMessagePage`. */
  readonly limit?: number;
}

export interface ArchiveOptions {
  /** Messages in all, default 1,000,000. */
  readonly maxMessages?: number;
  /** Bytes of their contents as JSON, default 1 GiB. */
  readonly maxBytes?: number;
}

export const defaultArchiveMessages = 1_000_000;
export const defaultArchiveBytes = 1024 * 1024 * 1024;
export const maxMessagePage = 200;
export const maxConversations = 20_000;
/** Changes of one conversation that wait for their message. */
export const maxWaitingChanges = 256;
/** Changes in one call. */
export const maxArchiveChanges = 1000;
/** Characters of a mark. */
export const maxMarkCharacters = 1024;
/** Reactions of one message. */
export const maxReactions = limits.reactions;
