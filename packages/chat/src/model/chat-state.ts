/** What a chat knows at one moment. Never changed in place: a new state takes the place of the old one. */
import type { AskedApproval, ChannelPerson, ChannelView, ContactView, SessionState } from "@parley/client";
import type { ArchivedMessage, Restriction } from "@parley/core";
import type { ErrorCode } from "@parley/protocol";

/** Where the device stands with the registry. */
export interface Connection {
  readonly state: SessionState;
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined;
  /** When the next try comes, ms since 1970. */
  readonly retryAt: number | undefined;
}

/** A member, as far as the directory or a message told of it. */
export interface Person {
  readonly member: string;
  readonly name: string;
  readonly kind: "agent" | "person" | undefined;
  readonly presence: "connected" | "stale" | "offline" | undefined;
  readonly availability: "available" | "away" | "do-not-disturb" | undefined;
}

/** Something to know that is no message: it stands where it happened. */
export interface Notice {
  readonly id: number;
  readonly kind: "gap" | "event";
  readonly text: string;
  /** After this message's `sort`. */
  readonly after: number;
  readonly at: number;
}

interface Typist {
  readonly member: string;
  readonly name: string;
}

export interface Conversation {
  /** `@<member id>` or `#<channel id>`. */
  readonly key: string;
  readonly kind: "direct" | "channel";
  /** Without its sign. */
  readonly name: string;
  readonly channel: ChannelView | undefined;
  readonly contact: ContactView | undefined;
  readonly unread: number;
  readonly mentions: number;
  /** `sort` up to which everything was read. */
  readonly read: number;
  /** When something was last said, ms since 1970. */
  readonly active: number;
  /** What is loaded, in order of `sort`. */
  readonly messages: readonly ArchivedMessage[];
  /** What was accepted here and has no place in the channel's history yet, in order. */
  readonly waiting: readonly ArchivedMessage[];
  readonly loading: boolean;
  readonly loaded: boolean;
  /** Whether there may be older messages, here or at the registry. */
  readonly older: boolean;
  readonly notices: readonly Notice[];
  readonly typing: readonly Typist[];
  readonly people: readonly ChannelPerson[] | undefined;
  /** Where `new` stands since it was opened: after this `sort`. */
  readonly newAfter: number | undefined;
}

export interface ChatState {
  readonly me: Typist;
  readonly mesh: string;
  readonly connection: Connection;
  /** What an operator put this member under. */
  readonly restriction?: Restriction | undefined;
  readonly links: number;
  readonly conversations: ReadonlyMap<string, Conversation>;
  /** Known members by id. */
  readonly people: ReadonlyMap<string, Person>;
  readonly current: string | undefined;
  /** The open thread: its first message and what belongs to it. */
  readonly thread:
    | { readonly conversation: string; readonly root: string; readonly messages: readonly ArchivedMessage[] }
    | undefined;
  /** What waits for this member's yes, no or words, by request, oldest first. */
  readonly asked: ReadonlyMap<string, AskedApproval>;
  /** The lists were read. */
  readonly ready: boolean;
}

export const noConversation = (key: string, name: string): Conversation => ({
  key,
  kind: key.startsWith("#") ? "channel" : "direct",
  name,
  channel: undefined,
  contact: undefined,
  unread: 0,
  mentions: 0,
  read: 0,
  active: 0,
  messages: [],
  waiting: [],
  loading: false,
  loaded: false,
  older: true,
  notices: [],
  typing: [],
  people: undefined,
  newAfter: undefined,
});

/** `#channel` or `@name`, as people say it. */
export const titleOf = ({ kind, name }: Pick<Conversation, "kind" | "name">): string =>
  `${kind === "channel" ? "#" : "@"}${name}`;
