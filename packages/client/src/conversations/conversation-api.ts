/** What a device can do in conversations: direct messages and channels alike. Part of `DeviceApi`. */
import type { ArchivedMessage, ConversationSummary, MessagePage, MessageQuery, SearchQuery } from "@parley/core";
import type {
  AnyContent,
  BlobRef,
  Channel,
  ChannelMember,
  DeliveryState,
  ErrorCode,
  Mention,
  Path,
  Retention,
  Via,
} from "@parley/protocol";

import type { Sent } from "../delivery.ts";

/** What somebody wants to say. */
export interface Draft {
  readonly text: string;
  readonly attachments?: readonly BlobRef[];
  /** Id of the first message of a thread. */
  readonly thread?: string;
  /** Id of the message that this one answers. */
  readonly answers?: string;
  /** Besides those that the text names: `@name`, `@role:x` (one member with the role or tag) and `@all:x`. */
  readonly mentions?: readonly Mention[];
  /** The library of an agent says this by itself; no other agent's program is handed it. */
  readonly notice?: "loop-stopped";
  /** Whom an edge speaks for; public channels only, and refused by the registry from everybody but its own edges. */
  readonly via?: Via;
}

export interface SayOptions {
  /** Paths of a direct message; a channel's posts go by the registry. */
  readonly paths?: readonly Path[];
  /** Milliseconds; a direct message only. */
  readonly ttlMs?: number;
  /** How many messages of agents led to this one. Throws `too_many_hops` above `limits.hops`. */
  readonly hops?: number;
  readonly signal?: AbortSignal;
}

/** Where a member stands with this one. */
export type ContactStanding =
  /** Nobody has written yet. */
  | "unknown"
  /** It wrote, and waits to be accepted. */
  | "request"
  | "accepted"
  | "blocked";

export interface ContactView {
  readonly member: string;
  /** As verified when it was last met; undefined when it is not known any more. */
  readonly name: string | undefined;
  readonly standing: ContactStanding;
  /** `verified`: its words were compared, and its key is still the same; `changed`: it is another one. */
  readonly trust: "verified" | "unverified" | "changed";
  /** Whether a shared secret protects the conversation, and how the secret was made. */
  readonly secret: "none" | "random" | "phrase" | "weak-phrase";
}

/** What to compare with the other side by voice or in person. */
export interface SafetyWords {
  readonly member: string;
  readonly name: string;
  /** The same on both sides, of both members' root keys. */
  readonly words: readonly string[];
  readonly trust: ContactView["trust"];
}

export interface ChannelView extends Channel {
  readonly unread: number;
  readonly mentions: number;
  readonly last: ArchivedMessage | undefined;
  /** Why posts cannot be read or written at present, if so. */
  readonly trouble: ErrorCode | undefined;
}

export interface ChannelDraft {
  readonly name: string;
  readonly kind: "public" | "invite";
  readonly topic?: string;
  readonly history?: "all" | "joined";
  readonly retention?: Partial<Retention>;
}

export interface ChannelChange {
  readonly topic?: string;
  readonly history?: "all" | "joined";
  readonly retention?: Partial<Retention>;
  readonly archived?: boolean;
}

export interface ChannelPerson extends ChannelMember {
  readonly name: string | undefined;
  readonly kind: "agent" | "person" | undefined;
}

/** A post of this device that is not in its channel's history yet. */
export interface PendingPost {
  readonly id: string;
  /** By this device's clock, ms since 1970. */
  readonly created: number;
  readonly content: AnyContent;
  /** `accepted`, and `stored` until it came back from the registry. */
  readonly state: DeliveryState;
  readonly via?: Via;
}

/** A post handed to a program, once, in order. */
export interface IncomingPost {
  readonly channel: string;
  readonly channelName: string;
  readonly message: ArchivedMessage;
  /** It was there before this subscription began. */
  readonly replay: boolean;
  /** A handler may have had it before. */
  readonly redelivered: boolean;
}

/**
 * Conversations are named as people name them: `@name`, a member id, `#channel` or `#<channel id>`. Answers carry
 * `@<member id>` and `#<channel id>`.
 */
export interface ConversationApi {
  /** Every conversation that this device remembers and every channel that its member is in, the newest first. */
  conversations(): Promise<readonly ConversationSummary[]>;
  messages(query: MessageQuery): Promise<MessagePage>;
  /** Older posts of a channel than this device has, from the registry. False when there are none. */
  fetchOlder(channel: string): Promise<boolean>;
  search(query: SearchQuery): Promise<readonly ArchivedMessage[]>;
  /** What this device accepted and is not in a channel's history yet, in order. None of a member: a direct message is there at once. */
  pending(conversation: string): Promise<readonly PendingPost[]>;

  /** Says something. Resolves when it is accepted. Throws `key_changed`, `blocked`, `not_in_channel`, `archived`, ... */
  say(conversation: string, draft: Draft, options?: SayOptions): Promise<Sent>;
  edit(conversation: string, message: string, text: string): Promise<Sent>;
  retract(conversation: string, message: string): Promise<Sent>;
  react(conversation: string, message: string, reaction: string, on?: boolean): Promise<Sent>;
  /** Tells the other side that one writes; at most every few seconds, and never to somebody who waits to be accepted. */
  typing(conversation: string, writes: boolean): void;
  /**
   * Everything up to a message was seen: counts as read here and on one's other devices. The other side is told of what could be opened, unless
   * the device's setting or `tell: false` withholds it.
   */
  read(conversation: string, upTo: string, options?: { tell?: boolean }): Promise<void>;
  /** Takes what comes into the archive until the returned function is called, as a person's program does; `onMessage` takes precedence. */
  keep(): () => void;

  contact(who: string): Promise<ContactView>;
  contacts(standing?: ContactStanding): Promise<readonly ContactView[]>;
  accept(who: string): Promise<void>;
  /** The registry and this member's devices refuse what comes from there. */
  block(who: string): Promise<void>;
  unblock(who: string): Promise<void>;
  words(who: string): Promise<SafetyWords>;
  /** The words were compared and are the same. A changed key is accepted with it. */
  verify(who: string): Promise<void>;
  /** A new random secret for a conversation, to be given to the other side by another way; in effect at once. */
  newSecret(who: string): Promise<string>;
  /** Sets a secret: one that `newSecret` made, or a phrase. Says how strong it is. What could not be opened is tried again. */
  setSecret(who: string, secret: string): Promise<ContactView["secret"]>;
  removeSecret(who: string): Promise<void>;

  channels(options?: { joined?: boolean; archived?: boolean }): Promise<readonly ChannelView[]>;
  channel(name: string): Promise<ChannelView>;
  createChannel(draft: ChannelDraft): Promise<ChannelView>;
  joinChannel(name: string): Promise<ChannelView>;
  leaveChannel(name: string): Promise<void>;
  changeChannel(name: string, change: ChannelChange): Promise<ChannelView>;
  inviteTo(name: string, member: string): Promise<void>;
  kickFrom(name: string, member: string): Promise<void>;
  channelMembers(name: string): Promise<readonly ChannelPerson[]>;
  /**
   * Hands out the posts of a channel in order, the next one when the handler returned, and goes on after a restart where it stood.
   * `name` names the place that is kept; several handlers have several. `since`: an offset to begin after instead; `replay`: how many
   * posts from before are given the first time. Posts of this device itself are left out unless `own`.
   */
  subscribe(
    channel: string,
    handler: (post: IncomingPost) => void | Promise<void>,
    options?: { name?: string; since?: number; replay?: number; own?: boolean },
  ): Promise<() => void>;
}

/** What conversations add to the events of a device. */
export type ConversationEvent =
  | { readonly type: "message"; readonly message: ArchivedMessage; readonly request: boolean }
  /** It was edited, taken back, reacted to, opened, or its state is another one. */
  | { readonly type: "message-changed"; readonly message: ArchivedMessage }
  | {
      readonly type: "typing";
      readonly conversation: string;
      readonly member: string;
      readonly name: string;
      readonly writes: boolean;
    }
  | { readonly type: "read"; readonly conversation: string; readonly upTo: number }
  | { readonly type: "contact"; readonly contact: ContactView }
  | {
      readonly type: "channel";
      readonly channel: string;
      readonly what:
        | "joined"
        | "left"
        | "kicked"
        | "present"
        | "absent"
        | "changed"
        | "removed"
        | "invited"
        | "muted"
        | "unmuted"
        | "banned"
        | "unbanned";
      readonly member: string | undefined;
      readonly name: string | undefined;
      readonly by: string | undefined;
      readonly at: number;
    }
  /** Posts of a channel will not come: they were trimmed, or belong to a time when this device could not read. */
  | {
      readonly type: "channel-gap";
      readonly channel: string;
      readonly from: number;
      readonly to: number;
      readonly reason: "trimmed" | "restored" | "group";
    };
