import type {
  ChannelPerson,
  ChannelView,
  ContactView,
  ConversationApi,
  IncomingPost,
  PendingPost,
  Sent,
} from "@parley/client";
import type { ArchivedMessage, ConversationSummary, MessagePage, MessageQuery } from "@parley/core";
import { type ChannelMember, ParleyError } from "@parley/protocol";

const id = "A".repeat(43);

export const said = (text: string): ArchivedMessage => ({
  conversation: `@${id}`,
  id: "in.1",
  sort: 3,
  author: id,
  name: "bob",
  device: id,
  created: 4,
  taken: 5,
  content: { type: "text", text, mentions: [{ member: id, role: "reviewer" }] },
  path: "direct",
  protection: "secret",
  mentioned: true,
  own: false,
  edited: 6,
  retracted: undefined,
  reactions: { "👍": [id] },
  replies: 2,
});

/** Of a post through the plain door. */
export const via = { edge: "door", id: "py", name: "snake", standing: "keyless" } as const;

export const pendingPost: PendingPost = {
  id: "A".repeat(22),
  created: 5,
  content: { type: "text", text: "not there yet" },
  state: "accepted",
  via,
};

export const summary: ConversationSummary = {
  conversation: `@${id}`,
  messages: 2,
  unread: 1,
  mentions: 1,
  read: 2,
  last: said("hello"),
  mark: undefined,
};

export const contact: ContactView = {
  member: id,
  name: "bob",
  standing: "request",
  trust: "unverified",
  secret: "weak-phrase",
};

export const channel: ChannelView = {
  channel: id,
  name: "general",
  kind: "public",
  encrypted: false,
  topic: "all of it",
  history: "all",
  retention: { posts: 10, bytes: 100_000_000, ageMs: 60_000 },
  created: 1,
  members: 2,
  joined: true,
  open: true,
  unread: 1,
  mentions: 0,
  last: { ...said("post"), protection: "signed" },
  trouble: "group_changed",
};

const inChannel: ChannelMember = { member: id, since: 1, owner: true, present: false };
export const person: ChannelPerson = { ...inChannel, name: "bob", kind: "agent" };

export const postOf = (text: string): IncomingPost => ({
  channel: id,
  channelName: "general",
  message: said(text),
  replay: false,
  redelivered: true,
});

/** Conversations that answer what a test expects, and remember what they were asked. */
export class FakeConversations implements ConversationApi {
  readonly #sent: () => Sent;
  readonly #asked: unknown[];
  readonly #handlers = new Set<(post: IncomingPost) => void | Promise<void>>();
  page: MessagePage = { messages: [said("hello")], more: true };
  keepers = 0;

  constructor(sent: () => Sent, asked: unknown[]) {
    this.#sent = sent;
    this.#asked = asked;
  }

  get subscribers(): number {
    return this.#handlers.size;
  }

  /** Hands a post to every handler; resolves when all are done. */
  async receive(post: IncomingPost): Promise<void> {
    await Promise.all([...this.#handlers].map(async (handler) => handler(post)));
  }

  async conversations(): Promise<readonly ConversationSummary[]> {
    return [summary, { ...summary, last: undefined, mark: "mark" }];
  }

  async messages(query: MessageQuery): Promise<MessagePage> {
    this.#note("messages", query);
    return this.page;
  }

  async fetchOlder(name: string): Promise<boolean> {
    this.#note("fetchOlder", name);
    return true;
  }

  async pending(conversation: string): Promise<readonly PendingPost[]> {
    this.#note("pending", conversation);
    const { via: _, ...plain } = pendingPost;
    return [pendingPost, { ...plain, state: "stored" }];
  }

  async search(query: unknown): Promise<readonly ArchivedMessage[]> {
    this.#note("search", query);
    return this.page.messages;
  }

  async say(to: string, draft: unknown, options: { signal?: AbortSignal } = {}): Promise<Sent> {
    const { signal: _, ...rest } = options;
    return this.#says("say", to, draft, rest);
  }

  async edit(...asked: unknown[]): Promise<Sent> {
    return this.#says("edit", ...asked);
  }

  async retract(...asked: unknown[]): Promise<Sent> {
    return this.#says("retract", ...asked);
  }

  async react(...asked: unknown[]): Promise<Sent> {
    return this.#says("react", ...asked);
  }

  typing(...asked: unknown[]): void {
    this.#note("typing", ...asked);
  }

  async read(...asked: unknown[]): Promise<void> {
    this.#note("read", ...asked);
  }

  keep(): () => void {
    this.keepers++;
    return () => void this.keepers--;
  }

  async contact(who: string): Promise<ContactView> {
    if (who !== "bob") throw new ParleyError("unknown_member");
    return contact;
  }

  async contacts(standing?: string): Promise<readonly ContactView[]> {
    this.#note("contacts", standing);
    return [contact, { ...contact, name: undefined }];
  }

  async accept(who: string): Promise<void> {
    this.#note("accept", who);
  }

  async block(who: string): Promise<void> {
    this.#note("block", who);
  }

  async unblock(who: string): Promise<void> {
    this.#note("unblock", who);
  }

  async words() {
    return { member: id, name: "bob", words: ["able", "baker"], trust: "changed" as const };
  }

  async verify(who: string): Promise<void> {
    this.#note("verify", who);
  }

  async newSecret(who: string): Promise<string> {
    this.#note("newSecret", who);
    return "parley-secret-x";
  }

  async setSecret(...asked: unknown[]): Promise<ContactView["secret"]> {
    this.#note("setSecret", ...asked);
    return "weak-phrase";
  }

  async removeSecret(who: string): Promise<void> {
    this.#note("removeSecret", who);
  }

  async channels(options: unknown): Promise<readonly ChannelView[]> {
    this.#note("channels", options);
    return [channel];
  }

  async channel(name: string): Promise<ChannelView> {
    return this.#view("channel", name);
  }

  async createChannel(draft: unknown): Promise<ChannelView> {
    return this.#view("createChannel", draft);
  }

  async joinChannel(name: string): Promise<ChannelView> {
    return this.#view("joinChannel", name);
  }

  async leaveChannel(name: string): Promise<void> {
    this.#note("leaveChannel", name);
  }

  async changeChannel(...asked: unknown[]): Promise<ChannelView> {
    return this.#view("changeChannel", ...asked);
  }

  async inviteTo(...asked: unknown[]): Promise<void> {
    this.#note("inviteTo", ...asked);
  }

  async kickFrom(...asked: unknown[]): Promise<void> {
    this.#note("kickFrom", ...asked);
  }

  async channelMembers(name: string): Promise<readonly ChannelPerson[]> {
    this.#note("channelMembers", name);
    return [person];
  }

  async subscribe(
    name: string,
    handler: (post: IncomingPost) => void | Promise<void>,
    options: unknown = {},
  ): Promise<() => void> {
    if (name === "#none") throw new ParleyError("unknown_channel");
    this.#note("subscribe", name, options);
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  #note(...asked: unknown[]): void {
    this.#asked.push(asked);
  }

  #says(...asked: unknown[]): Sent {
    this.#note(...asked);
    return this.#sent();
  }

  #view(...asked: unknown[]): ChannelView {
    this.#note(...asked);
    return channel;
  }
}
