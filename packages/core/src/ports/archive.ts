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
 * - `apply` is atomic, durable when resolved, and takes effect in call order; calls of one tick share a commit. A message that is there
 *   already, by conversation and id, stays as it is, so that everything may be applied again.
 * - Changes of a message (edit, retraction, reaction) that is not there yet wait for it, oldest dropped first beyond `maxWaitingChanges` and
 *   `maxWaitingBytes` of a conversation; so does an edit of what is still sealed. `state` and `opened` do not wait: without
 *   their message they are ignored. Whoever may change what is the caller's business; only an `edit` or `retract` by the author of the
 *   message takes effect, and an edit not after one with a later `at`.
 * - What was taken back keeps its place, its part in a thread and its count as unread; nothing else can happen to it.
 * - Bounds: `ArchiveOptions`; over them what was applied first goes, with the commit or soon after. A message has at most
 *   `maxMessageBytes`, else `too_large`. What is not of the form below is refused with `invalid_argument`, the whole call.
 * - Search finds words by their beginnings, whatever their case and accents, what was applied last first; all words must be in the text. Of a
 *   text the first `maxWords` different words are known, of a word the first `maxWordCharacters` characters. It is never behind what
 *   was applied.
 * - After `close` every call rejects with `closed`. What is handed over or received is not to be changed.
 */
export interface Archive {
  apply(changes: readonly ArchiveChange[]): Promise<void>;
  /** Those with a message in them, or a mark; the one that a new last message came to last first. */
  conversations(): Promise<readonly ConversationSummary[]>;
  /** In order of `sort`. */
  messages(query: MessageQuery): Promise<MessagePage>;
  message(conversation: string, id: string): Promise<ArchivedMessage | undefined>;
  search(query: SearchQuery): Promise<readonly ArchivedMessage[]>;
  /** Forgets a conversation: its messages, what waits for some, its mark and how far it was read. */
  remove(conversation: string): Promise<void>;
  close(): Promise<void>;
}

/** One thing to remember. */
export type ArchiveChange =
  /** A message. */
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
      /** As of an edit, for those that wait: they may come in another order than they were made. Default 0. */
      readonly at?: number;
    }
  /** What became of a message that was sent from here. One that may not follow (`mayFollow`) changes nothing. */
  | {
      readonly type: "state";
      readonly conversation: string;
      readonly id: string;
      readonly state: DeliveryState;
      readonly path?: Path;
    }
  /**
   * What was sealed with a secret, or to a group, or unreadable, could be opened after all: takes the place of the content. An edit, a
   * retraction or a reaction is no message: it is applied, by the author and at the time of the message, which is forgotten.
   */
  | {
      readonly type: "opened";
      readonly conversation: string;
      readonly id: string;
      readonly content: AnyContent;
      /** As of a new message. Default: as it was. */
      readonly mentioned?: boolean;
    }
  /** Everything up to and including a `sort` was read, also what comes later; never goes back. */
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
  /** From 1 to `maxSort`. Default, and where another message has it: after the last one that ever was there. */
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
  /** Members by reaction, in the order in which they reacted. At most `maxReactions`, of `maxReactionMembers` together. */
  readonly reactions: Readonly<Record<string, readonly string[]>>;
  /** Messages that are there in the thread that it begins. */
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
  /** Default `defaultMessagePage`, cut to `maxMessagePage`. With neither `after` nor `before` the newest are given; with both, from `after` on. */
  readonly limit?: number;
}

export interface MessagePage {
  /** Oldest first. Fewer than asked for where they have more than `maxMessagePageBytes`. */
  readonly messages: readonly ArchivedMessage[];
  /** Whether there are more in the direction that was asked for. */
  readonly more: boolean;
}

export interface SearchQuery {
  /** 1 to `limits.queryCharacters` characters. Without a word in them nothing is found. */
  readonly text: string;
  readonly conversation?: string;
  /** Member id. */
  readonly author?: string;
  /** As of a page, its bytes too. */
  readonly limit?: number;
}

export interface ArchiveOptions {
  /** Messages in all, default `limits.archiveMessages`. */
  readonly maxMessages?: number;
  /** Bytes of what they carry, as JSON: content, `via` and reactions. Default `limits.archiveBytes`. */
  readonly maxBytes?: number;
  /** Default `limits.archiveConversations`. The one at the end of the list gives way, with all that is in it. */
  readonly maxConversations?: number;
}

export const defaultArchiveMessages = limits.archiveMessages;
export const defaultArchiveBytes = limits.archiveBytes;
export const maxConversations = limits.archiveConversations;
export const defaultMessagePage = 50;
export const maxMessagePage = 200;
export const maxMessagePageBytes = 4 * 1024 * 1024;
/** What one message carries as JSON: content and `via`. */
export const maxMessageBytes = 1024 * 1024;
/** Leaves room for what comes after the last one. */
export const maxSort = 2 ** 52;
/** Characters of a member's or device's id, and of a name. */
export const maxArchiveTextLength = 256;
/** Characters of a conversation's name, and of a message's id. */
export const maxArchiveIdLength = 64;
/** Changes of one conversation that wait for their message. */
export const maxWaitingChanges = 256;
/** Bytes of these changes as JSON. */
export const maxWaitingBytes = 1024 * 1024;
/** Changes in one call. */
export const maxArchiveChanges = 1000;
/** Characters of a mark. */
export const maxMarkCharacters = 1024;
/** Different reactions of one message. */
export const maxReactions = limits.reactions;
/** Reactions of one message, of all members together. */
export const maxReactionMembers = 1000;
/** Different words of a text that search knows. */
export const maxWords = 8192;
/** Characters of a word that search knows. */
export const maxWordCharacters = 64;
