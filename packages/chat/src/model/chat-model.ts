import type { ChannelView, ContactView, DeviceEvent, Draft } from "@parley/client";
import type { ArchivedMessage, Clock, Timer } from "@parley/core";
import { type ParleyError, toParleyError } from "@parley/protocol";

import type { ChatDevice } from "../chat-device.ts";
import { applyEvent, updated, withWaiting } from "./chat-events.ts";
import { ChatLists } from "./chat-lists.ts";
import type { ChatState } from "./chat-state.ts";
import { ChatStore } from "./chat-store.ts";
import { mergeMessages, threadOf } from "./message-list.ts";
import { MessageLoader } from "./message-loader.ts";

export interface ChatModelOptions {
  readonly device: ChatDevice;
  readonly clock: Clock;
  /** Keeps it from others that their messages were read, whatever the device's own setting. Default false. */
  readonly withholdsRead?: boolean;
  /** What went wrong beside what was asked for, such as a mark that could not be set. */
  readonly onTrouble: (error: ParleyError) => void;
}

/** Nobody writes for longer without saying so again. */
const typingMs = 8000;
/** The newest messages, among which one that was just said is. */
const echoSize = 20;
/** Answers of one thread that are shown. */
const threadSize = 200;

/** A chat without a terminal: what is known, kept up to date, and what can be done. */
export class ChatModel {
  readonly #options: ChatModelOptions;
  readonly #store: ChatStore;
  readonly #lists: ChatLists;
  readonly #loader: MessageLoader;
  readonly #typists = new Map<string, Timer>();
  #undo: (() => void)[] = [];

  constructor(options: ChatModelOptions) {
    const { device } = options;
    this.#options = options;
    this.#store = new ChatStore({
      me: { member: device.member, name: device.name },
      mesh: device.mesh,
      connection: { state: device.state, error: undefined, retryAt: undefined },
      links: 0,
      conversations: new Map(),
      people: new Map(),
      current: undefined,
      thread: undefined,
      asked: new Map(),
      ready: false,
    });
    this.#lists = new ChatLists(options, this.#store, (work) => this.#try(work));
    this.#loader = new MessageLoader(options, this.#store);
  }

  get state(): ChatState {
    return this.#store.state;
  }

  get device(): ChatDevice {
    return this.#options.device;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Calls back after each change; returns the way out. */
  subscribe(listener: () => void): () => void {
    return this.#store.subscribe(listener);
  }

  /** Reads the lists and follows what happens. */
  async start(): Promise<void> {
    const { device } = this.#options;
    this.#undo = [device.watch((event) => this.#follow(event)), device.conversations.keep()];
    this.#lists.countLinks();
    await this.#lists.refresh();
    const waiting = await device.approvals.list();
    const asked = new Map([...this.#store.state.asked, ...waiting.map((one) => [one.request, one] as const)]);
    this.#store.put({ ...this.#store.state, asked, ready: true });
    this.#lists.watchPresence();
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#lists.stop();
    for (const timer of this.#typists.values()) timer.cancel();
    this.#typists.clear();
  }

  /** Reads every list anew. What cannot be had now, such as channels without a registry, stays as it was. */
  refresh(): Promise<void> {
    return this.#lists.refresh();
  }

  /** Finds a conversation by what people call it, or by its key; adds it to the list when it is new. Throws `unknown_…`. */
  find(name: string): Promise<string> {
    return this.#lists.find(name);
  }

  /** Takes over what an API call told of a channel. */
  keepChannel(channel: ChannelView): void {
    this.#lists.keepChannel(channel);
  }

  /** Asks anew what is known of a contact. */
  keepContact(who: string): Promise<ContactView> {
    return this.#lists.keepContact(who);
  }

  /** Loads what came before: from the archive, then from the registry. */
  loadOlder(key: string): Promise<void> {
    return this.#loader.loadOlder(key);
  }

  /** Loads page after page until a message is among what is loaded, or nothing older comes. */
  loadBackTo(message: ArchivedMessage): Promise<void> {
    return this.#loader.loadBackTo(message);
  }

  /** Makes a conversation the current one and loads it. */
  async open(key: string): Promise<void> {
    const { state } = this.#store;
    const { current: before } = state;
    const left =
      before === undefined || before === key
        ? state
        : updated(state, before, (one) => ({ ...one, newAfter: undefined }));
    // At once: whoever attends to it does not find it without its mark.
    const marked = updated(left, key, (one) => ({ ...one, newAfter: one.unread > 0 ? one.read : one.newAfter }));
    const thread = state.thread?.conversation === key ? state.thread : undefined;
    this.#store.put({ ...marked, current: key, thread });
    await this.#loader.load(key);
    if (key.startsWith("#") && this.#store.conversation(key)?.channel?.joined !== false)
      await this.#lists.loadPeople(key);
  }

  /** Opens the thread that a message begins or belongs to. */
  async openThread(key: string, message: ArchivedMessage): Promise<void> {
    const root = threadOf(message) ?? message.id;
    this.#store.put({ ...this.#store.state, thread: { conversation: key, root, messages: [message] } });
    const { messages } = await this.#options.device.conversations.messages({
      conversation: key,
      thread: root,
      limit: threadSize,
    });
    const { thread } = this.#store.state;
    if (thread?.root === root)
      this.#store.put({
        ...this.#store.state,
        thread: { ...thread, messages: mergeMessages(thread.messages, messages) },
      });
  }

  closeThread(): void {
    if (this.#store.state.thread !== undefined) this.#store.put({ ...this.#store.state, thread: undefined });
  }

  /** Says something in a conversation; resolves when it is accepted. */
  async say(key: string, draft: Draft): Promise<void> {
    const { conversations: api } = this.#options.device;
    const { id } = await api.say(key, draft);
    if (this.#store.conversation(key)?.messages.some((message) => message.id === id) === true) return;
    // Its event may be under way still.
    const { messages } = await api.messages({ conversation: key, limit: echoSize });
    this.#store.change(key, (one) => (one.loaded ? { ...one, messages: mergeMessages(one.messages, messages) } : one));
    if (key.startsWith("#") && !messages.some((message) => message.id === id))
      this.#store.put(withWaiting(this.#store.state, key, id, draft, this.#now()));
  }

  /** A person has seen the current conversation to its end. */
  attend(): void {
    const { current } = this.#store.state;
    const conversation = current === undefined ? undefined : this.#store.state.conversations.get(current);
    if (conversation === undefined || !conversation.loaded || conversation.contact?.standing === "request") return;
    const last = conversation.messages.findLast(({ own }) => !own);
    if (last === undefined || last.sort <= conversation.read) return;
    this.#store.put(
      applyEvent(this.#store.state, { type: "read", conversation: conversation.key, upTo: last.sort }, this.#now()),
    );
    void this.markRead(last);
  }

  /** Everything up to this message was seen. */
  markRead({ conversation, id }: ArchivedMessage): Promise<void> {
    const { device, withholdsRead = false } = this.#options;
    return this.#try(() => device.conversations.read(conversation, id, withholdsRead ? { tell: false } : {}));
  }

  /** Nobody looks any more: what comes from now on is new, and what was not read. */
  markSeen(): void {
    const { current } = this.#store.state;
    if (current === undefined) return;
    this.#store.change(current, (one) => {
      const seen = one.unread > 0 ? one.read : one.messages.at(-1)?.sort;
      return { ...one, newAfter: seen ?? one.newAfter };
    });
  }

  /** Takes a conversation that is no more off the list. */
  forget(key: string): void {
    const conversations = new Map(this.#store.state.conversations);
    conversations.delete(key);
    const { current, thread } = this.#store.state;
    this.#store.put({
      ...this.#store.state,
      conversations,
      current: current === key ? undefined : current,
      thread: thread?.conversation === key ? undefined : thread,
    });
  }

  #follow(event: DeviceEvent): void {
    const wasConnected = this.#store.state.connection.state === "connected";
    this.#store.put(applyEvent(this.#store.state, event, this.#now()));
    if (event.type === "link") this.#lists.countLinks();
    if (event.type === "typing") this.#letTypistGo(event);
    if (event.type === "session" && event.state === "connected" && !wasConnected) void this.#lists.refresh();
    if (event.type === "history" && event.done) void this.#lists.refresh();
    if (event.type === "channel") void this.#followChannel(event);
    if (event.type === "message" && event.message.conversation.startsWith("@")) void this.#meet(event.message);
  }

  async #followChannel({ what, channel, member }: DeviceEvent & { type: "channel" }): Promise<void> {
    const key = `#${channel}`;
    const isMe = member === this.#store.state.me.member;
    if ((what === "left" || what === "kicked" || what === "removed") && isMe) return;
    if (what === "invited" && isMe) await this.#lists.takeInvitation(key);
    else if (what === "joined" && isMe) await this.#lists.refreshChannels();
    else if (what === "changed") await this.#lists.refreshChannels();
    else if (what === "joined" && this.#store.state.current === key) await this.#lists.loadPeople(key);
  }

  /** A first message of somebody: what is known of its author. */
  async #meet({ conversation: key }: ArchivedMessage): Promise<void> {
    if (this.#store.conversation(key)?.contact !== undefined) return;
    await this.#try(() => this.#lists.keepContact(key));
  }

  #letTypistGo(event: DeviceEvent & { type: "typing" }): void {
    const id = `${event.conversation} ${event.member}`;
    this.#typists.get(id)?.cancel();
    this.#typists.delete(id);
    if (!event.writes) return;
    const gone = { ...event, writes: false };
    const timer = this.#options.clock.setTimer(typingMs, () => {
      this.#typists.delete(id);
      this.#store.put(applyEvent(this.#store.state, gone, this.#now()));
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

  #now(): number {
    return this.#options.clock.now();
  }
}
