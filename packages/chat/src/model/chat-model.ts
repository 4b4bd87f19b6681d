import type { ChannelView, ContactView, DeviceEvent, Draft } from "@parley/client";
import type { ArchivedMessage, Clock, Timer } from "@parley/core";
import { type ParleyError, toParleyError } from "@parley/protocol";

import type { ChatDevice } from "../chat-device.ts";
import { applyEvent, ensured, updated, withNotice, withPerson, withSummary, withWaiting } from "./chat-events.ts";
import type { ChatState, Conversation } from "./chat-state.ts";
import { mergeMessages, mostLoaded, threadOf } from "./message-list.ts";

export interface ChatModelOptions {
  readonly device: ChatDevice;
  readonly clock: Clock;
  /** What went wrong beside what was asked for, such as a mark that could not be set. */
  readonly onTrouble: (error: ParleyError) => void;
}

/** Messages that one look into the archive brings. */
const pageSize = 100;
/** How often the directory is asked who is there. */
const presenceMs = 30_000;
/** Nobody writes for longer without saying so again. */
const typingMs = 8000;
/** Answers of one thread that are shown. */
const threadSize = 200;
/** People of the directory whose names are known from the start. */
const directorySize = 100;
/** Archives' pages that opening a conversation reads at most to come to the first unread message. */
const mostUnreadPages = 5;

/** A chat without a terminal: what is known, kept up to date, and what can be done. */
export class ChatModel {
  readonly #options: ChatModelOptions;
  readonly #listeners = new Set<() => void>();
  readonly #typists = new Map<string, Timer>();
  #undo: (() => void)[] = [];
  #presence: Timer | undefined;
  #state: ChatState;

  constructor(options: ChatModelOptions) {
    const { device } = options;
    this.#options = options;
    this.#state = {
      me: { member: device.member, name: device.name },
      mesh: device.mesh,
      connection: { state: device.state, error: undefined, retryAt: undefined },
      links: 0,
      conversations: new Map(),
      people: new Map(),
      current: undefined,
      thread: undefined,
      ready: false,
    };
  }

  get state(): ChatState {
    return this.#state;
  }

  get device(): ChatDevice {
    return this.#options.device;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Calls back after each change; returns the way out. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads the lists and follows what happens. */
  async start(): Promise<void> {
    const { device } = this.#options;
    this.#undo = [device.watch((event) => this.#follow(event)), device.conversations.keep()];
    this.#countLinks();
    await this.refresh();
    this.#put({ ...this.#state, ready: true });
    this.#watchPresence();
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#presence?.cancel();
    for (const timer of this.#typists.values()) timer.cancel();
    this.#typists.clear();
  }

  /** Reads every list anew. What cannot be had now, such as channels without a registry, stays as it was. */
  async refresh(): Promise<void> {
    const { conversations: api } = this.#options.device;
    await this.#try(async () => {
      const contacts = await api.contacts();
      this.#put(contacts.reduce((state, contact) => withContact(state, contact), this.#state));
    });
    await this.#try(async () => {
      const summaries = await api.conversations();
      this.#put(summaries.reduce((state, summary) => withSummary(state, summary, undefined), this.#state));
    });
    await this.#refreshChannels();
    await this.#refreshPeople();
  }

  /** Finds a conversation by what people call it, or by its key; adds it to the list when it is new. Throws `unknown_…`. */
  async find(name: string): Promise<string> {
    if (this.#state.conversations.has(name)) return name;
    const { conversations: api } = this.#options.device;
    if (name.startsWith("#")) {
      const channel = await api.channel(name);
      this.#put(withChannel(this.#state, channel));
      return `#${channel.channel}`;
    }
    const contact = await api.contact(name);
    this.#put(withContact(this.#state, contact, name.replace(/^@/, "")));
    return `@${contact.member}`;
  }

  /** Makes a conversation the current one and loads it. */
  async open(key: string): Promise<void> {
    const before = this.#state.current;
    if (before !== undefined && before !== key) this.#change(before, (one) => ({ ...one, newAfter: undefined }));
    const thread = this.#state.thread?.conversation === key ? this.#state.thread : undefined;
    this.#put({ ...this.#state, current: key, thread });
    this.#change(key, (one) => ({ ...one, newAfter: one.unread > 0 ? one.read : one.newAfter }));
    await this.#load(key);
    if (key.startsWith("#")) await this.#loadPeople(key);
  }

  /** Leaves the current conversation without going to another. */
  close(): void {
    this.#put({ ...this.#state, current: undefined, thread: undefined });
  }

  /** Loads what came before: from the archive, then from the registry. */
  async loadOlder(key: string): Promise<void> {
    const conversation = this.#state.conversations.get(key);
    if (conversation === undefined || conversation.loading || !conversation.older || !conversation.loaded) return;
    if (conversation.messages.length >= mostLoaded) return;
    this.#change(key, (one) => ({ ...one, loading: true }));
    try {
      const before = conversation.messages[0]?.sort;
      let page = await this.#page(key, before);
      if (page.messages.length === 0 && key.startsWith("#")) {
        const fetched = await this.#options.device.conversations.fetchOlder(key);
        if (fetched) page = { ...(await this.#page(key, before)), more: true };
      }
      this.#change(key, (one) => ({
        ...one,
        messages: mergeMessages(one.messages, page.messages),
        older: page.messages.length > 0 && (page.more || key.startsWith("#")),
      }));
    } catch (error) {
      this.#options.onTrouble(toParleyError(error));
    } finally {
      this.#change(key, (one) => ({ ...one, loading: false }));
    }
  }

  /** Opens the thread that a message begins or belongs to. */
  async openThread(key: string, message: ArchivedMessage): Promise<void> {
    const root = threadOf(message) ?? message.id;
    this.#put({ ...this.#state, thread: { conversation: key, root, messages: [message] } });
    const { messages } = await this.#options.device.conversations.messages({
      conversation: key,
      thread: root,
      limit: threadSize,
    });
    const { thread } = this.#state;
    if (thread?.root === root)
      this.#put({ ...this.#state, thread: { ...thread, messages: mergeMessages(thread.messages, messages) } });
  }

  closeThread(): void {
    if (this.#state.thread !== undefined) this.#put({ ...this.#state, thread: undefined });
  }

  /** Says something in a conversation; resolves when it is accepted. */
  async say(key: string, draft: Draft): Promise<void> {
    const { conversations: api } = this.#options.device;
    const { id } = await api.say(key, draft);
    if (this.#state.conversations.get(key)?.messages.some((message) => message.id === id) === true) return;
    // Its event may be under way still.
    const { messages } = await api.messages({ conversation: key, limit: pageSize });
    this.#change(key, (one) => (one.loaded ? { ...one, messages: mergeMessages(one.messages, messages) } : one));
    if (key.startsWith("#")) this.#put(withWaiting(this.#state, key, id, draft, this.#now()));
  }

  /** A person has seen the current conversation to its end. */
  attend(): void {
    const { current } = this.#state;
    const conversation = current === undefined ? undefined : this.#state.conversations.get(current);
    if (conversation === undefined || !conversation.loaded || conversation.contact?.standing === "request") return;
    const last = conversation.messages.findLast(({ own }) => !own);
    if (last === undefined || last.sort <= conversation.read) return;
    this.#put(applyEvent(this.#state, { type: "read", conversation: conversation.key, upTo: last.sort }, this.#now()));
    void this.#try(() => this.#options.device.conversations.read(conversation.key, last.id));
  }

  /** Nobody looks any more: what comes from now on is new. */
  markSeen(): void {
    const { current } = this.#state;
    if (current !== undefined)
      this.#change(current, (one) => ({ ...one, newAfter: one.messages.at(-1)?.sort ?? one.newAfter }));
  }

  /** Loads page after page until a message is among what is loaded, or nothing older comes. */
  async loadBackTo({ conversation: key, id }: ArchivedMessage): Promise<void> {
    for (;;) {
      const conversation = this.#state.conversations.get(key);
      if (conversation === undefined || conversation.messages.some((message) => message.id === id)) return;
      await this.loadOlder(key);
      if (this.#state.conversations.get(key)?.messages.length === conversation.messages.length) return;
    }
  }

  /** Something to know that stands among the messages of a conversation. */
  note(key: string, text: string): void {
    this.#change(key, (one) => withNotice(one, { kind: "trouble", text, at: this.#now() }));
  }

  /** Takes a conversation that is no more off the list. */
  forget(key: string): void {
    const conversations = new Map(this.#state.conversations);
    conversations.delete(key);
    const { current, thread } = this.#state;
    this.#put({
      ...this.#state,
      conversations,
      current: current === key ? undefined : current,
      thread: thread?.conversation === key ? undefined : thread,
    });
  }

  /** Takes over what an API call told of a channel. */
  keepChannel(channel: ChannelView): void {
    this.#put(withChannel(this.#state, channel));
  }

  /** Takes over what an API call told of a contact. */
  async keepContact(who: string): Promise<ContactView> {
    const contact = await this.#options.device.conversations.contact(who);
    this.#put(withContact(this.#state, contact));
    return contact;
  }

  async #load(key: string): Promise<void> {
    const conversation = this.#state.conversations.get(key);
    if (conversation === undefined || conversation.loaded || conversation.loading) return;
    this.#change(key, (one) => ({ ...one, loading: true }));
    try {
      let page = await this.#page(key, undefined);
      for (let read = 1; read < mostUnreadPages && page.more; read++) {
        const first = page.messages[0]?.sort ?? 0;
        if (first <= conversation.read || conversation.unread <= page.messages.length) break;
        const earlier = await this.#page(key, first);
        page = { messages: [...earlier.messages, ...page.messages], more: earlier.more };
      }
      this.#change(key, (one) => ({
        ...one,
        loaded: true,
        messages: mergeMessages(page.messages, one.messages),
        older: page.more || key.startsWith("#"),
      }));
    } catch (error) {
      this.#options.onTrouble(toParleyError(error));
    } finally {
      this.#change(key, (one) => ({ ...one, loading: false }));
    }
  }

  #page(conversation: string, before: number | undefined) {
    const { conversations: api } = this.#options.device;
    return api.messages({ conversation, limit: pageSize, ...(before === undefined ? {} : { before }) });
  }

  async #loadPeople(key: string): Promise<void> {
    await this.#try(async () => {
      const people = await this.#options.device.conversations.channelMembers(key);
      const state = people.reduce(
        (known, { member, name, kind }) =>
          name === undefined ? known : withPerson(known, { member, name, ...(kind === undefined ? {} : { kind }) }),
        this.#state,
      );
      this.#put(updated(state, key, (one) => ({ ...one, people })));
    });
  }

  async #refreshChannels(): Promise<void> {
    await this.#try(async () => {
      const channels = await this.#options.device.conversations.channels({ joined: true });
      this.#put(channels.reduce(withChannel, this.#state));
    });
  }

  async #refreshPeople(): Promise<void> {
    await this.#try(async () => {
      const { members } = await this.#options.device.find({ limit: directorySize });
      const state = members.reduce((known, { member, name, kind, devices, availability }) => {
        const presence = (["connected", "stale", "offline"] as const).find((each) =>
          devices.some((device) => device.state === each),
        );
        return withPerson(known, { member, name, kind, presence: presence ?? "offline", availability });
      }, this.#state);
      this.#put(members.reduce((named, { member, name }) => withNameOf(named, member, name), state));
    });
  }

  #watchPresence(): void {
    this.#presence = this.#options.clock.setTimer(presenceMs, () => {
      if (this.#state.connection.state === "connected") void this.#refreshPeople();
      this.#countLinks();
      this.#watchPresence();
    });
  }

  #countLinks(): void {
    const links = this.#options.device.links().filter(({ state }) => state === "open").length;
    if (links !== this.#state.links) this.#put({ ...this.#state, links });
  }

  #follow(event: DeviceEvent): void {
    const wasConnected = this.#state.connection.state === "connected";
    this.#put(applyEvent(this.#state, event, this.#now()));
    if (event.type === "link") this.#countLinks();
    if (event.type === "typing") this.#letTypistGo(event);
    if (event.type === "session" && event.state === "connected" && !wasConnected) void this.refresh();
    if (event.type === "history" && event.done) void this.refresh();
    if (event.type === "channel") void this.#followChannel(event);
    if (event.type === "message" && event.message.conversation.startsWith("@")) void this.#meet(event.message);
  }

  async #followChannel({ what, channel, member }: DeviceEvent & { type: "channel" }): Promise<void> {
    const key = `#${channel}`;
    const isMe = member === this.#state.me.member;
    if ((what === "left" || what === "kicked" || what === "removed") && isMe) return;
    if (what === "joined" && isMe) await this.#refreshChannels();
    else if (what === "changed") await this.#refreshChannels();
    else if (what === "joined" && this.#state.current === key) await this.#loadPeople(key);
  }

  /** A first message of somebody: what is known of its author. */
  async #meet({ conversation: key }: ArchivedMessage): Promise<void> {
    if (this.#state.conversations.get(key)?.contact !== undefined) return;
    await this.#try(() => this.keepContact(key));
  }

  #letTypistGo(event: DeviceEvent & { type: "typing" }): void {
    const id = `${event.conversation} ${event.member}`;
    this.#typists.get(id)?.cancel();
    this.#typists.delete(id);
    if (!event.writes) return;
    const gone = { ...event, writes: false };
    const timer = this.#options.clock.setTimer(typingMs, () => {
      this.#typists.delete(id);
      this.#put(applyEvent(this.#state, gone, this.#now()));
    });
    this.#typists.set(id, timer);
  }

  async #try(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const failed = toParleyError(error);
      // Without a registry much cannot be had; the status line says so.
      if (!failed.retryable) this.#options.onTrouble(failed);
    }
  }

  #change(key: string, change: (conversation: Conversation) => Conversation): void {
    this.#put(updated(this.#state, key, change));
  }

  #now(): number {
    return this.#options.clock.now();
  }

  #put(state: ChatState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

function withChannel(state: ChatState, channel: ChannelView): ChatState {
  const key = `#${channel.channel}`;
  return updated(ensured(state, key, channel.name), key, (one) => ({
    ...one,
    name: channel.name,
    channel,
    unread: one.loaded ? one.unread : channel.unread,
    mentions: one.loaded ? one.mentions : channel.mentions,
    active: Math.max(one.active, channel.last?.taken ?? 0),
  }));
}

function withContact(state: ChatState, contact: ContactView, called?: string): ChatState {
  const key = `@${contact.member}`;
  const name = contact.name ?? called;
  const known = name === undefined ? state : withPerson(state, { member: contact.member, name });
  return updated(ensured(known, key, name ?? contact.member.slice(0, 8)), key, (one) => ({
    ...one,
    contact,
    ...(name === undefined ? {} : { name }),
  }));
}

const withNameOf = (state: ChatState, member: string, name: string): ChatState =>
  updated(state, `@${member}`, (one) => (one.name === name ? one : { ...one, name }));
