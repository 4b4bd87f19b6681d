/** Conversations of a device that another process holds. */
import type {
  ChannelChange,
  ChannelDraft,
  ChannelPerson,
  ChannelView,
  ContactStanding,
  ContactView,
  ConversationApi,
  Draft,
  IncomingPost,
  PendingPost,
  SafetyWords,
  SayOptions,
  Sent,
} from "@parley/client";
import type { ArchivedMessage, ConversationSummary, MessagePage, MessageQuery, SearchQuery } from "@parley/core";

import { attachedSent, type HolderView } from "./attached-sent.ts";
import type { LocalCalls } from "./local-calls.ts";
import type { OperationEvent } from "./operations.ts";

export class AttachedConversations implements ConversationApi {
  readonly #holder: HolderView;

  constructor(holder: HolderView) {
    this.#holder = holder;
  }

  get #calls(): LocalCalls {
    return this.#holder.calls;
  }

  async conversations(): Promise<readonly ConversationSummary[]> {
    const found: ConversationSummary[] = [];
    await this.#calls.call("conversations", {}, { onEvent: (summary) => void found.push(summary) });
    return found;
  }

  async messages(query: MessageQuery): Promise<MessagePage> {
    const messages: ArchivedMessage[] = [];
    const onEvent = (message: ArchivedMessage): void => void messages.push(message);
    const { more } = await this.#calls.call("archived", query, { onEvent });
    return { messages, more };
  }

  async fetchOlder(channel: string): Promise<boolean> {
    return (await this.#calls.call("fetchOlder", { channel })).fetched;
  }

  async search(query: SearchQuery): Promise<readonly ArchivedMessage[]> {
    const found: ArchivedMessage[] = [];
    await this.#calls.call("search", query, { onEvent: (message) => void found.push(message) });
    return found;
  }

  async pending(conversation: string): Promise<readonly PendingPost[]> {
    const found: PendingPost[] = [];
    await this.#calls.call("pending", { conversation }, { onEvent: (post) => void found.push(post) });
    return found;
  }

  say(conversation: string, draft: Draft, options: SayOptions = {}): Promise<Sent> {
    const { text, attachments, thread, answers, mentions, via } = draft;
    const { paths, ttlMs, signal } = options;
    const body = {
      conversation,
      text,
      ...(attachments === undefined ? {} : { attachments: [...attachments] }),
      ...(thread === undefined ? {} : { thread }),
      ...(answers === undefined ? {} : { answers }),
      ...(mentions === undefined ? {} : { mentions: [...mentions] }),
      ...(via === undefined ? {} : { via }),
      ...(paths === undefined ? {} : { paths: [...paths] }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
    return attachedSent(this.#holder, (call) => this.#calls.call("say", body, call), signal);
  }

  edit(conversation: string, message: string, text: string): Promise<Sent> {
    return attachedSent(this.#holder, (call) => this.#calls.call("edit", { conversation, message, text }, call));
  }

  retract(conversation: string, message: string): Promise<Sent> {
    return attachedSent(this.#holder, (call) => this.#calls.call("retract", { conversation, message }, call));
  }

  react(conversation: string, message: string, reaction: string, on = true): Promise<Sent> {
    const body = { conversation, message, reaction, on };
    return attachedSent(this.#holder, (call) => this.#calls.call("react", body, call));
  }

  typing(conversation: string, writes: boolean): void {
    // Nobody is told: it was only a hint.
    this.#calls.call("typing", { conversation, writes }).catch(() => undefined);
  }

  async read(conversation: string, upTo: string, options: { tell?: boolean } = {}): Promise<void> {
    await this.#calls.call("read", { conversation, upTo, ...options });
  }

  keep(): () => void {
    const abort = new AbortController();
    // What ends it otherwise shows as the end of the connection.
    this.#calls.call("keep", {}, { signal: abort.signal }).catch(() => undefined);
    return () => abort.abort();
  }

  contact(who: string): Promise<ContactView> {
    return this.#calls.call("contact", { who });
  }

  async contacts(standing?: ContactStanding): Promise<readonly ContactView[]> {
    const found: ContactView[] = [];
    const body = standing === undefined ? {} : { standing };
    await this.#calls.call("contacts", body, { onEvent: (contact) => void found.push(contact) });
    return found;
  }

  async accept(who: string): Promise<void> {
    await this.#calls.call("accept", { who });
  }

  async block(who: string): Promise<void> {
    await this.#calls.call("block", { who });
  }

  async unblock(who: string): Promise<void> {
    await this.#calls.call("unblock", { who });
  }

  words(who: string): Promise<SafetyWords> {
    return this.#calls.call("words", { who });
  }

  async verify(who: string): Promise<void> {
    await this.#calls.call("verify", { who });
  }

  async newSecret(who: string): Promise<string> {
    return (await this.#calls.call("newSecret", { who })).secret;
  }

  async setSecret(who: string, secret: string): Promise<ContactView["secret"]> {
    return (await this.#calls.call("setSecret", { who, secret })).kind;
  }

  async removeSecret(who: string): Promise<void> {
    await this.#calls.call("removeSecret", { who });
  }

  async channels(options: { joined?: boolean; archived?: boolean } = {}): Promise<readonly ChannelView[]> {
    const found: ChannelView[] = [];
    await this.#calls.call("channels", options, { onEvent: (channel) => void found.push(channel) });
    return found;
  }

  channel(name: string): Promise<ChannelView> {
    return this.#calls.call("channel", { channel: name });
  }

  createChannel(draft: ChannelDraft): Promise<ChannelView> {
    return this.#calls.call("createChannel", draft);
  }

  joinChannel(name: string): Promise<ChannelView> {
    return this.#calls.call("joinChannel", { channel: name });
  }

  async leaveChannel(name: string): Promise<void> {
    await this.#calls.call("leaveChannel", { channel: name });
  }

  changeChannel(name: string, change: ChannelChange): Promise<ChannelView> {
    return this.#calls.call("changeChannel", { channel: name, change });
  }

  async inviteTo(name: string, member: string): Promise<void> {
    await this.#calls.call("inviteTo", { channel: name, member });
  }

  async kickFrom(name: string, member: string): Promise<void> {
    await this.#calls.call("kickFrom", { channel: name, member });
  }

  async channelMembers(name: string): Promise<readonly ChannelPerson[]> {
    const found: ChannelPerson[] = [];
    await this.#calls.call("channelMembers", { channel: name }, { onEvent: (person) => void found.push(person) });
    return found;
  }

  async subscribe(
    channel: string,
    handler: (post: IncomingPost) => void | Promise<void>,
    options: { name?: string; since?: number; replay?: number; own?: boolean } = {},
  ): Promise<() => void> {
    const abort = new AbortController();
    const subscribed = Promise.withResolvers<void>();
    const onEvent = (event: OperationEvent<"subscribe">): void | Promise<void> => {
      if ("post" in event) return handler(event.post);
      if ("subscribed" in event) subscribed.resolve();
    };
    const ended = this.#calls.call("subscribe", { channel, ...options }, { onEvent, signal: abort.signal });
    // What ends it later otherwise shows as the end of the connection.
    ended.catch((error: unknown) => subscribed.reject(error));
    await subscribed.promise;
    return () => abort.abort();
  }
}
