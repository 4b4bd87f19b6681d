import type { ChannelView, ContactView } from "@parley/client";
import type { Timer } from "@parley/core";

import { ensured, updated, withPerson, withSummary } from "./chat-events.ts";
import type { ChatModelOptions } from "./chat-model.ts";
import type { ChatState } from "./chat-state.ts";
import type { ChatStore } from "./chat-store.ts";

/** How often the directory is asked who is there. */
const presenceMs = 30_000;
/** People of the directory whose names are known from the start. */
const directorySize = 100;

/** Keeps the lists of a chat: conversations, channels, contacts, and who is there. */
export class ChatLists {
  readonly #options: ChatModelOptions;
  readonly #store: ChatStore;
  readonly #attempt: (work: () => Promise<unknown>) => Promise<void>;
  #presence: Timer | undefined;

  /** `attempt` does what may fail for want of a registry. */
  constructor(options: ChatModelOptions, store: ChatStore, attempt: (work: () => Promise<unknown>) => Promise<void>) {
    this.#options = options;
    this.#store = store;
    this.#attempt = attempt;
  }

  stop(): void {
    this.#presence?.cancel();
  }

  /** Reads every list anew. What cannot be had now, such as channels without a registry, stays as it was. */
  async refresh(): Promise<void> {
    const { conversations: api } = this.#options.device;
    await this.#attempt(async () => {
      const contacts = await api.contacts();
      this.#store.put(contacts.reduce((state, contact) => withContact(state, contact), this.#store.state));
    });
    await this.refreshChannels();
    await this.#attempt(async () => {
      const summaries = await api.conversations();
      this.#store.put(summaries.reduce(withSummary, this.#store.state));
    });
    await this.#refreshPeople();
  }

  async refreshChannels(): Promise<void> {
    await this.#attempt(async () => {
      const channels = await this.#options.device.conversations.channels({ joined: true });
      this.#store.put(channels.reduce(withChannel, this.#store.state));
    });
  }

  async #refreshPeople(): Promise<void> {
    await this.#attempt(async () => {
      const { members } = await this.#options.device.find({ limit: directorySize });
      const state = members.reduce((known, { member, name, kind, devices, availability }) => {
        const presence = (["connected", "stale", "offline"] as const).find((each) =>
          devices.some((device) => device.state === each),
        );
        return withPerson(known, { member, name, kind, presence: presence ?? "offline", availability });
      }, this.#store.state);
      this.#store.put(members.reduce((named, { member, name }) => withNameOf(named, member, name), state));
    });
  }

  async loadPeople(key: string): Promise<void> {
    await this.#attempt(async () => {
      const people = await this.#options.device.conversations.channelMembers(key);
      const state = people.reduce(
        (known, { member, name, kind }) =>
          name === undefined ? known : withPerson(known, { member, name, ...(kind === undefined ? {} : { kind }) }),
        this.#store.state,
      );
      this.#store.put(updated(state, key, (one) => ({ ...one, people })));
    });
  }

  watchPresence(): void {
    this.#presence = this.#options.clock.setTimer(presenceMs, () => {
      if (this.#store.state.connection.state === "connected") void this.#refreshPeople();
      this.countLinks();
      this.watchPresence();
    });
  }

  countLinks(): void {
    const links = this.#options.device.links().filter(({ state }) => state === "open").length;
    if (links !== this.#store.state.links) this.#store.put({ ...this.#store.state, links });
  }

  /** A channel that this member may come into now. */
  async takeInvitation(key: string): Promise<void> {
    await this.#attempt(async () => this.keepChannel(await this.#options.device.conversations.channel(key)));
  }

  /** Takes over what an API call told of a channel. */
  keepChannel(channel: ChannelView): void {
    this.#store.put(withChannel(this.#store.state, channel));
  }

  /** Takes over what an API call told of a contact. */
  async keepContact(who: string): Promise<ContactView> {
    const contact = await this.#options.device.conversations.contact(who);
    this.#store.put(withContact(this.#store.state, contact));
    return contact;
  }

  /** Finds a conversation by what people call it, or by its key; adds it to the list when it is new. Throws `unknown_…`. */
  async find(name: string): Promise<string> {
    if (this.#store.state.conversations.has(name)) return name;
    const { conversations: api } = this.#options.device;
    if (name.startsWith("#")) {
      const channel = await api.channel(name);
      this.#store.put(withChannel(this.#store.state, channel));
      return `#${channel.channel}`;
    }
    const contact = await api.contact(name);
    this.#store.put(withContact(this.#store.state, contact, name.replace(/^@/, "")));
    return `@${contact.member}`;
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
