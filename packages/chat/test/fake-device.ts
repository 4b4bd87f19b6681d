/** A device without a mesh: conversations in memory, and a hand that makes things happen. */
import type {
  AskedApproval,
  ChannelDraft,
  ChannelView,
  ContactView,
  ConversationApi,
  Delivery,
  DeviceEvent,
  Draft,
  LinkView,
  SayOptions,
  Sent,
  SessionState,
} from "@parley/client";
import {
  type Archive,
  type ArchiveChange,
  type ArchivedMessage,
  type NewMessage,
  openMemoryArchive,
} from "@parley/core";
import { type DeliveryState, ParleyError, type Path } from "@parley/protocol";

import type { ChatDevice, ListedMember } from "../src/index.ts";

/** An id that can be told from others at a glance. */
export const idOf = (name: string): string => name.padEnd(43, "_");

export interface FakeDeviceOptions {
  readonly now: () => number;
  readonly name?: string;
}

const retention = { posts: 1000, bytes: 10_000_000, ageMs: 86_400_000 };

export class FakeDevice implements ChatDevice {
  readonly name: string;
  readonly member: string;
  readonly device = idOf("device");
  readonly mesh = idOf("mesh");
  state: SessionState = "connected";
  readonly conversations: ConversationApi;
  readonly asked = new Map<string, AskedApproval>();
  readonly approvals: ChatDevice["approvals"] = {
    list: () => Promise.resolve([...this.asked.values()]),
    answer: (requests, decision) => this.#close(requests, decision),
    reply: (request, text) => {
      this.calls.push(`reply ${text}`);
      return this.#close([request], "answered");
    },
    ask: async () => undefined,
    question: async () => "-",
    standing: () => Promise.resolve([]),
    endStanding: () => Promise.resolve(),
  };
  readonly members = new Map<string, ListedMember>();
  readonly contactViews = new Map<string, ContactView>();
  readonly channelViews = new Map<string, ChannelView>();
  readonly people = new Map<string, Set<string>>();
  /** Older posts at the registry, by channel. */
  readonly atRegistry = new Map<string, ArchiveChange[]>();
  /** What was called, in order. */
  readonly calls: string[] = [];
  /** Thrown by the next `say`. */
  refuseNext: ParleyError | undefined;
  readonly archive: Archive = openMemoryArchive();
  readonly #now: () => number;
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  readonly #pending: (() => Promise<unknown>)[] = [];
  #count = 0;

  constructor({ now, name = "ada" }: FakeDeviceOptions) {
    this.#now = now;
    this.name = name;
    this.member = idOf(name);
    this.conversations = fakeConversations(this);
  }

  watch(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  links(): readonly LinkView[] {
    return [];
  }

  find(): Promise<{ readonly members: readonly ListedMember[] }> {
    return Promise.resolve({ members: [...this.members.values()] });
  }

  /** An agent wants this person's word. */
  asks(asked: AskedApproval): void {
    this.asked.set(asked.request, asked);
    this.emit({ type: "approval-asked", asked });
  }

  #close(requests: readonly string[], state: "granted" | "denied" | "answered"): Promise<void> {
    for (const request of requests) {
      this.asked.delete(request);
      this.emit({ type: "approval-closed", request, state });
    }
    return Promise.resolve();
  }

  emit(event: DeviceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  addMember(name: string, kind: "agent" | "person", state: "connected" | "stale" | "offline" = "connected"): void {
    const since = this.#now();
    const device = { device: idOf(`${name}-device`), state, boot: "b".repeat(22), since, load: 0, consumer: "reading" };
    this.members.set(name, {
      member: idOf(name),
      name,
      kind,
      devices: [{ ...device, consumer: "reading" }],
      availability: kind === "person" ? "available" : undefined,
    });
    this.contact(name, { standing: "unknown" });
  }

  contact(name: string, change: Partial<ContactView>): ContactView {
    const before = this.contactViews.get(idOf(name));
    const contact: ContactView = {
      member: idOf(name),
      name,
      standing: "unknown",
      trust: "unverified",
      secret: "none",
      ...before,
      ...change,
    };
    this.contactViews.set(contact.member, contact);
    return contact;
  }

  addChannel(name: string, change: Partial<ChannelView> = {}, members: readonly string[] = []): ChannelView {
    const channel: ChannelView = {
      channel: idOf(name),
      name,
      kind: "public",
      encrypted: change.kind === "invite",
      topic: "",
      history: "all",
      retention,
      created: this.#now(),
      members: members.length,
      joined: true,
      open: true,
      unread: 0,
      mentions: 0,
      last: undefined,
      trouble: undefined,
      ...change,
    };
    this.channelViews.set(channel.channel, channel);
    this.people.set(channel.channel, new Set(members));
    return channel;
  }

  /** Somebody says something; `more` overrides any of it. Resolves with the message. */
  async says(author: string, where: string, text: string, more: Partial<NewMessage> = {}): Promise<ArchivedMessage> {
    const own = author === this.name;
    const message: NewMessage = {
      conversation: where,
      id: more.id ?? this.nextId(),
      author: idOf(author),
      name: author,
      device: idOf(`${author}-device`),
      created: this.#now(),
      taken: this.#now(),
      content: { type: "text", text },
      path: where.startsWith("#") ? undefined : "direct",
      protection: where.startsWith("#") ? "signed" : "sealed",
      own,
      ...more,
    };
    const request = this.contactViews.get(message.author)?.standing === "request";
    return this.take({ type: "message", message: await this.#placed(message) }, request);
  }

  /** Something becomes known: into the archive, then out as an event. */
  async take(change: ArchiveChange, request = false): Promise<ArchivedMessage> {
    await this.archive.apply([change]);
    const { conversation } = change.type === "message" ? change.message : change;
    const id =
      change.type === "message" ? change.message.id : "of" in change ? change.of : "id" in change ? change.id : "";
    const message = await this.archive.message(conversation, id);
    if (message === undefined) throw new Error(`no message ${id}`);
    this.emit(change.type === "message" ? { type: "message", message, request } : { type: "message-changed", message });
    return message;
  }

  /** The session with the registry is lost, or back; what waited goes on then. */
  async session(state: SessionState, retryInMs?: number): Promise<void> {
    this.state = state;
    this.emit({ type: "session", state, ...(retryInMs === undefined ? {} : { retryInMs }) });
    if (state !== "connected") return;
    for (const settle of this.#pending.splice(0)) await settle();
  }

  async becomes(conversation: string, id: string, state: DeliveryState, path?: Path): Promise<void> {
    await this.take({ type: "state", conversation, id, state, ...(path === undefined ? {} : { path }) });
  }

  async sent(conversation: string, content: NewMessage["content"]): Promise<Sent> {
    if (this.refuseNext !== undefined) {
      const refusal = this.refuseNext;
      this.refuseNext = undefined;
      throw refusal;
    }
    const id = this.nextId();
    const secret = this.contactViews.get(conversation.slice(1))?.secret ?? "none";
    const isChannel = conversation.startsWith("#");
    const encrypted = this.channelViews.get(conversation.slice(1))?.encrypted === true;
    const protection = isChannel ? (encrypted ? "group" : "signed") : secret === "none" ? "sealed" : "secret";
    const said = { id, content, own: true, path: undefined, protection } as const;
    // A post has its place in the history only when the registry gave it one.
    const post = (): Promise<unknown> => this.says(this.name, conversation, "", { ...said, state: "stored" });
    if (!isChannel) await this.says(this.name, conversation, "", { ...said, state: "accepted" });
    const settle = isChannel ? post : () => this.becomes(conversation, id, "delivered", "direct");
    if (this.state === "connected") void settle();
    else this.#pending.push(settle);
    return sentOf(id, this.#now());
  }

  nextId(): string {
    this.#count++;
    return `m${String(this.#count).padStart(4, "0")}`;
  }

  async #placed(message: NewMessage): Promise<NewMessage> {
    if (message.sort !== undefined || !message.conversation.startsWith("#")) return message;
    const { messages } = await this.archive.messages({ conversation: message.conversation, limit: 1 });
    return { ...message, sort: (messages[0]?.sort ?? 0) + 1 };
  }
}

function sentOf(id: string, at: number): Sent {
  const accepted: Delivery = {
    id,
    state: "accepted",
    at,
    tookMs: 0,
    path: undefined,
    reason: undefined,
    device: undefined,
    error: undefined,
  };
  return {
    id,
    accepted,
    state: () => accepted,
    settled: Promise.resolve(accepted),
    reaches: () => Promise.resolve(accepted),
  };
}

function fakeConversations(device: FakeDevice): ConversationApi {
  const { archive, calls } = device;
  const channelOf = (name: string): ChannelView => {
    const found = [...device.channelViews.values()].find((channel) =>
      [`#${channel.name}`, channel.name, `#${channel.channel}`].includes(name),
    );
    if (found === undefined) throw new ParleyError("unknown_channel", { message: `There is no channel ${name}.` });
    return found;
  };
  const contactOf = (who: string): ContactView => {
    const bare = who.replace(/^@/, "");
    const found = device.contactViews.get(bare) ?? device.contactViews.get(idOf(bare));
    if (found === undefined) throw new ParleyError("unknown_member", { message: `Nobody here is called ${who}.` });
    return found;
  };
  const keyOf = (name: string): string =>
    name.startsWith("#") ? `#${channelOf(name).channel}` : `@${contactOf(name).member}`;
  const decide = (who: string, change: Partial<ContactView>): void => {
    const { member } = contactOf(who);
    const contact = { ...contactOf(who), ...change };
    device.contactViews.set(member, contact);
    device.emit({ type: "contact", contact });
  };
  const changed = async (change: ArchiveChange, id: string): Promise<Sent> => {
    await device.take(change);
    return sentOf(id, 0);
  };
  return {
    conversations: () => archive.conversations(),
    messages: (query) => archive.messages({ ...query, conversation: keyOf(query.conversation) }),
    fetchOlder: async (channel) => {
      calls.push(`fetchOlder ${channelOf(channel).name}`);
      const older = device.atRegistry.get(channelOf(channel).channel)?.splice(-50) ?? [];
      if (older.length > 0) await archive.apply(older);
      return older.length > 0;
    },
    search: (query) => archive.search(query),
    say: (conversation: string, draft: Draft, _options?: SayOptions) => {
      calls.push(`say ${conversation.slice(0, 8)} ${draft.text}`);
      return device.sent(keyOf(conversation), {
        type: "text",
        text: draft.text,
        ...(draft.thread === undefined ? {} : { thread: draft.thread }),
        ...(draft.answers === undefined ? {} : { answers: draft.answers }),
      });
    },
    edit: (conversation, of, text) =>
      changed({ type: "edit", conversation: keyOf(conversation), of, by: device.member, at: Date.now(), text }, of),
    retract: (conversation, of) =>
      changed({ type: "retract", conversation: keyOf(conversation), of, by: device.member, at: Date.now() }, of),
    react: (conversation, of, reaction, on = true) =>
      changed({ type: "reaction", conversation: keyOf(conversation), of, by: device.member, reaction, on }, of),
    typing: (conversation, writes) => void calls.push(`typing ${conversation.slice(0, 8)} ${writes}`),
    read: async (conversation, upTo) => {
      const key = keyOf(conversation);
      calls.push(`read ${key.slice(0, 8)} ${upTo}`);
      const message = await archive.message(key, upTo);
      if (message === undefined) return;
      await archive.apply([{ type: "read", conversation: key, upTo: message.sort }]);
      device.emit({ type: "read", conversation: key, upTo: message.sort });
    },
    keep: () => () => undefined,
    contact: async (who) => contactOf(who),
    contacts: async (standing) =>
      [...device.contactViews.values()].filter((one) =>
        standing === undefined ? one.standing !== "unknown" : one.standing === standing,
      ),
    accept: async (who) => decide(who, { standing: "accepted" }),
    block: async (who) => decide(who, { standing: "blocked" }),
    unblock: async (who) => decide(who, { standing: "accepted" }),
    words: async (who) => ({
      ...contactOf(who),
      name: contactOf(who).name ?? "",
      words: "river stone cloud amber fox seven".split(" "),
    }),
    verify: async (who) => decide(who, { trust: "verified" }),
    newSecret: async (who) => {
      decide(who, { secret: "random" });
      return "K7QP-2M4X-91ZD-HH3T";
    },
    setSecret: async (who, secret) => {
      const kind = secret.length < 12 ? "weak-phrase" : "phrase";
      decide(who, { secret: kind });
      return kind;
    },
    removeSecret: async (who) => decide(who, { secret: "none" }),
    channels: async ({ joined } = {}) => {
      const summaries = new Map((await archive.conversations()).map((one) => [one.conversation, one]));
      return [...device.channelViews.values()]
        .filter((one) => joined === undefined || one.joined === joined)
        .map((one) => {
          const { unread = 0, mentions = 0, last } = summaries.get(`#${one.channel}`) ?? {};
          return { ...one, unread, mentions, last };
        });
    },
    pending: async () => [],
    channel: async (name) => channelOf(name),
    createChannel: async ({ name, kind }: ChannelDraft) => device.addChannel(name, { kind }, [device.name]),
    joinChannel: async (name) => {
      const channel = { ...channelOf(name), joined: true };
      device.channelViews.set(channel.channel, channel);
      device.people.get(channel.channel)?.add(device.name);
      return channel;
    },
    leaveChannel: async (name) => {
      const channel = { ...channelOf(name), joined: false };
      device.channelViews.set(channel.channel, channel);
    },
    changeChannel: async (name, { topic }) => {
      const channel = { ...channelOf(name), ...(topic === undefined ? {} : { topic }) };
      device.channelViews.set(channel.channel, channel);
      return channel;
    },
    inviteTo: async (name, member) => void calls.push(`invite ${channelOf(name).name} ${member}`),
    kickFrom: async (name, member) => void calls.push(`kick ${channelOf(name).name} ${member}`),
    channelMembers: async (name) =>
      [...(device.people.get(channelOf(name).channel) ?? [])].map((who) => ({
        member: idOf(who),
        since: 0,
        owner: who === device.name,
        present: device.members.get(who)?.devices[0]?.state === "connected" || who === device.name,
        name: who,
        kind: device.members.get(who)?.kind,
      })),
    subscribe: async () => () => undefined,
  };
}
