import { defaultMessagePage, maxMessagePage, type MessagePage, type MessageQuery } from "@parley/core";

import type { Sent } from "../../delivery.ts";
import type {
  ChannelPerson,
  ChannelView,
  ConversationApi,
  Draft,
  IncomingPost,
  PendingPost,
  SayOptions,
} from "../conversation-api.ts";
import type { Flow, FlowSource } from "./flow.ts";

export type HistoryQuery = Omit<MessageQuery, "conversation">;

export interface PostsOptions {
  /** Ends the loop. */
  readonly signal?: AbortSignal;
  /** Name of the place that the device keeps in the channel; each loop has its own. Default `default`. */
  readonly name?: string;
  /** Offset after which to begin, instead of the place that was kept. */
  readonly since?: number;
  /** How many posts from before to begin with where no place was kept. Default none. */
  readonly replay?: number;
  /** Posts of this device too. Default false. */
  readonly own?: boolean;
}

/** What a conversation is read and written through. */
export interface ConversationOptions {
  /** As `ConversationApi` takes it. */
  readonly name: string;
  readonly conversations: ConversationApi;
  /** Begins a loop that ends with the whole. */
  readonly flow: <Item>(source: FlowSource<Item>, signal: AbortSignal | undefined) => Flow<Item>;
}

/** Pages that one look at history fetches from the registry at most. */
const mostFetches = 16;

/** Direct messages with one member. Ids of messages are those of `Sent` and of the archive. */
export class Conversation {
  /** `@name`, member id or `#channel`, as it was asked for. */
  readonly name: string;
  protected readonly options: ConversationOptions;

  constructor(options: ConversationOptions) {
    this.name = options.name;
    this.options = options;
  }

  protected get api(): ConversationApi {
    return this.options.conversations;
  }

  /** Resolves when it is accepted; `settled` of the answer says how it ended. Throws `unknown_member`, `key_changed`, `blocked`, ... */
  say(what: string | Draft, options?: SayOptions): Promise<Sent> {
    return this.api.say(this.name, typeof what === "string" ? { text: what } : what, options);
  }

  edit(message: string, text: string): Promise<Sent> {
    return this.api.edit(this.name, message, text);
  }

  retract(message: string): Promise<Sent> {
    return this.api.retract(this.name, message);
  }

  /** Adds a reaction, or with `on` false takes it away. */
  react(message: string, reaction: string, on = true): Promise<Sent> {
    return this.api.react(this.name, message, reaction, on);
  }

  /** What was said, oldest first: the newest page unless `before` or `after` a message's `sort`. */
  history(query: HistoryQuery = {}): Promise<MessagePage> {
    return this.api.messages({ ...query, conversation: this.name });
  }

  /** Everything up to this message was seen. */
  read(message: string): Promise<void> {
    return this.api.read(this.name, message);
  }

  typing(writes = true): void {
    this.api.typing(this.name, writes);
  }
}

/** A channel. Throws `not_in_channel`, `not_invited`, `archived`, ... */
export class ChannelConversation extends Conversation {
  view(): Promise<ChannelView> {
    return this.api.channel(this.name);
  }

  members(): Promise<readonly ChannelPerson[]> {
    return this.api.channelMembers(this.name);
  }

  join(): Promise<ChannelView> {
    return this.api.joinChannel(this.name);
  }

  leave(): Promise<void> {
    return this.api.leaveChannel(this.name);
  }

  /** As `say`. */
  post(what: string | Draft, options?: SayOptions): Promise<Sent> {
    return this.say(what, options);
  }

  /** What this program, or another one of this device, posted and is not in the history yet. */
  pending(): Promise<readonly PendingPost[]> {
    return this.api.pending(this.name);
  }

  /** As in any conversation; what this device does not have comes from the registry. */
  override async history(query: HistoryQuery = {}): Promise<MessagePage> {
    let page = await super.history(query);
    if (query.after !== undefined || query.thread !== undefined) return page;
    for (let fetched = 0; fetched < mostFetches && isShort(page, query) && (await this.#reachBack()); fetched++)
      page = await super.history(query);
    return page;
  }

  /**
   * The posts of others, in order, from the place where the last loop of this name stopped, also after a restart. The place moves on when the
   * loop asks for the next post. A post that a loop left in the middle comes again to the next one, `redelivered`; aborting the signal
   * lets the loop finish the post that it has. Throws in the loop `not_in_channel`, `already_exists` while the name is in use, ...
   */
  subscribe({ signal, ...options }: PostsOptions = {}): AsyncIterableIterator<IncomingPost, undefined> {
    return this.options.flow<IncomingPost>((give) => this.api.subscribe(this.name, handingTo(give), options), signal);
  }

  #reachBack(): Promise<boolean> {
    return this.api.fetchOlder(this.name);
  }
}

/** A handler that hands over, and returns when what it handed was dealt with. */
export function handingTo<Item>(give: Parameters<FlowSource<Item>>[0]): (item: Item) => Promise<void> {
  return (item) =>
    new Promise((resolve, reject) => {
      give(item, (error) => (error === undefined ? resolve() : reject(error)));
    });
}

/** It ends where this device's memory does. */
function isShort({ messages, more }: MessagePage, { limit }: HistoryQuery): boolean {
  return !more && messages.length < Math.min(limit ?? defaultMessagePage, maxMessagePage);
}
