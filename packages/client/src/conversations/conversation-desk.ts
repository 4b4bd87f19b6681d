/** `ConversationApi` over the parts that do the work: who is meant by a name, and which part it is the business of. */
import type {
  Archive,
  ArchivedMessage,
  ConversationSummary,
  MessagePage,
  MessageQuery,
  SearchQuery,
} from "@parley/core";
import { type Content, ParleyError, textContent, type Via } from "@parley/protocol";

import type { Sent } from "../delivery.ts";
import type { DirectMessages } from "../direct-messages.ts";
import { checkHops } from "../guards/hops.ts";
import type { MemberView } from "../member-view.ts";
import type { Recipients } from "../recipients.ts";
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
} from "./conversation-api.ts";
import { channelConversation, directConversation } from "./conversation-log.ts";
import type { Conversations } from "./conversations.ts";

/** How a post leaves, beside what it says. */
export interface PostHow {
  /** Whom this device, an edge, speaks for. */
  readonly via?: Via | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is done with channels, by their ids. */
interface ChannelActs {
  /** The id of a channel, by its name or `#<channel id>`. Throws `unknown_channel`. */
  readonly idOf: (name: string) => Promise<string>;
  /** The same for reading what is remembered: a channel that was left goes by its last known name. Throws `invalid_argument` in doubt. */
  readonly remembered: (name: string) => Promise<string>;
  readonly list: ConversationApi["channels"];
  readonly view: (name: string) => Promise<ChannelView>;
  readonly create: (draft: ChannelDraft) => Promise<ChannelView>;
  readonly join: (name: string) => Promise<ChannelView>;
  readonly leave: (channel: string) => Promise<void>;
  readonly change: (channel: string, change: ChannelChange) => Promise<ChannelView>;
  readonly invite: (channel: string, member: MemberView) => Promise<void>;
  readonly kick: (channel: string, member: MemberView) => Promise<void>;
  readonly members: (channel: string) => Promise<readonly ChannelPerson[]>;
  readonly post: (channel: string, content: Content, how?: PostHow) => Promise<Sent>;
  readonly pending: (channel: string) => readonly PendingPost[];
  readonly typing: (channel: string, writes: boolean) => void;
  /** Channels that this member is in, as far as is known. */
  readonly joined: () => Promise<readonly { readonly channel: string }[]>;
  readonly fetchOlder: (channel: string) => Promise<boolean>;
  readonly subscribe: ConversationApi["subscribe"];
}

export interface ConversationDeskOptions {
  readonly conversations: Conversations;
  readonly messages: DirectMessages;
  readonly channels: ChannelActs;
  readonly recipients: Recipients;
  /** Whether the other side hears that its messages were read. */
  readonly tellsRead: boolean;
  /** Tells the senders of direct messages that these were read. */
  readonly markRead: (ids: readonly string[]) => Promise<void>;
}

/** A conversation by the id of its channel or member. */
const exactly = /^[@#][A-Za-z0-9_-]{43}$/;
/** Messages that are looked at together, and of which the other side hears at most that they were read in one go. */
const readPage = 200;
const mostRead = 10 * readPage;

export class ConversationDesk implements ConversationApi {
  readonly #options: ConversationDeskOptions;

  constructor(options: ConversationDeskOptions) {
    this.#options = options;
  }

  get #archive(): Archive {
    return this.#options.conversations.archive;
  }

  async conversations(): Promise<readonly ConversationSummary[]> {
    const { channels } = this.#options;
    const [remembered, joined] = await Promise.all([this.#archive.conversations(), channels.joined()]);
    const known = new Set(remembered.map(({ conversation }) => conversation));
    const silent = joined.map(({ channel }) => channelConversation(channel)).filter((id) => !known.has(id));
    return [...remembered, ...silent.map(emptySummary)];
  }

  async messages(query: MessageQuery): Promise<MessagePage> {
    return this.#archive.messages({ ...query, conversation: await this.#conversation(query.conversation) });
  }

  async fetchOlder(channel: string): Promise<boolean> {
    return this.#options.channels.fetchOlder(await this.#channel(channel));
  }

  async search(query: SearchQuery): Promise<readonly ArchivedMessage[]> {
    if (query.conversation === undefined) return this.#archive.search(query);
    return this.#archive.search({ ...query, conversation: await this.#conversation(query.conversation) });
  }

  async pending(conversation: string): Promise<readonly PendingPost[]> {
    const id = await this.#conversation(conversation);
    return id.startsWith("#") ? this.#options.channels.pending(id.slice(1)) : [];
  }

  async say(conversation: string, draft: Draft, options: SayOptions = {}): Promise<Sent> {
    const { text, attachments, thread, answers, mentions, notice, via } = draft;
    checkHops(options.hops);
    return this.#put(
      conversation,
      {
        type: "text",
        text,
        ...(attachments === undefined ? {} : { attachments: [...attachments] }),
        ...(thread === undefined ? {} : { thread }),
        ...(answers === undefined ? {} : { answers }),
        ...(mentions === undefined ? {} : { mentions: [...mentions] }),
        ...(notice === undefined ? {} : { notice }),
        // An envelope says it of a direct message.
        ...(options.hops === undefined || options.hops === 0 || !conversation.startsWith("#")
          ? {}
          : { hops: options.hops }),
      },
      options,
      via,
    );
  }

  async edit(conversation: string, message: string, text: string): Promise<Sent> {
    await this.#own(conversation, message);
    return this.#put(conversation, { type: "edit", of: message, text });
  }

  async retract(conversation: string, message: string): Promise<Sent> {
    await this.#own(conversation, message);
    return this.#put(conversation, { type: "retract", of: message });
  }

  async react(conversation: string, message: string, reaction: string, on = true): Promise<Sent> {
    await this.#known(conversation, message);
    return this.#put(conversation, { type: "reaction", of: message, reaction, on });
  }

  typing(conversation: string, writes: boolean): void {
    const { conversations, channels } = this.#options;
    this.#conversation(conversation)
      .then((id) => {
        if (id.startsWith("#")) channels.typing(id.slice(1), writes);
        else conversations.typing.say(id.slice(1), writes);
      })
      // Nobody is told: it was only a hint.
      .catch(() => undefined);
  }

  async read(conversation: string, upTo: string, { tell = true }: { tell?: boolean } = {}): Promise<void> {
    const { conversations, tellsRead, markRead } = this.#options;
    const message = await this.#known(conversation, upTo);
    const id = message.conversation;
    const before = (await this.#archive.conversations()).find((summary) => summary.conversation === id)?.read ?? 0;
    if (message.sort <= before) return;
    await conversations.log.apply({ type: "read", conversation: id, upTo: message.sort });
    conversations.sync.tell({ type: "read", conversation: id, id: upTo });
    if (tell && tellsRead && id.startsWith("@") && conversations.contacts.isWelcome(id.slice(1)))
      await markRead(await this.#heard(id, before, message.sort));
  }

  /** Ids of what the other side said after one message and up to another. Nobody read what could not be opened. */
  async #heard(conversation: string, after: number, upTo: number): Promise<readonly string[]> {
    const heard: string[] = [];
    for (let before = upTo + 1, more = true; more && heard.length < mostRead;) {
      const page = await this.#archive.messages({ conversation, before, limit: readPage });
      const news = page.messages.filter(({ sort }) => sort > after);
      heard.push(...news.filter(({ own, unreadable }) => !own && unreadable === undefined).map(({ id }) => id));
      more = page.more && news.length === page.messages.length;
      before = page.messages[0]?.sort ?? 0;
    }
    return heard;
  }

  keep(): () => void {
    return this.#options.messages.keep();
  }

  async contact(who: string): Promise<ContactView> {
    return this.#contacts.view(await this.#member(who));
  }

  contacts(standing?: ContactStanding): Promise<readonly ContactView[]> {
    return Promise.resolve(this.#contacts.all(standing));
  }

  async accept(who: string): Promise<void> {
    await this.#contacts.accept(await this.#member(who));
  }

  async block(who: string): Promise<void> {
    await this.#contacts.block(await this.#member(who));
  }

  async unblock(who: string): Promise<void> {
    await this.#contacts.unblock(await this.#member(who));
  }

  async words(who: string): Promise<SafetyWords> {
    return this.#contacts.words(await this.#member(who));
  }

  async verify(who: string): Promise<void> {
    await this.#contacts.verify(await this.#member(who));
  }

  async newSecret(who: string): Promise<string> {
    return this.#contacts.newSecret(await this.#member(who));
  }

  async setSecret(who: string, secret: string): Promise<ContactView["secret"]> {
    return this.#contacts.setSecret(await this.#member(who), secret);
  }

  async removeSecret(who: string): Promise<void> {
    await this.#contacts.removeSecret(await this.#member(who));
  }

  channels(options: { joined?: boolean; archived?: boolean } = {}): Promise<readonly ChannelView[]> {
    return this.#options.channels.list(options);
  }

  channel(name: string): Promise<ChannelView> {
    return this.#options.channels.view(name);
  }

  createChannel(draft: ChannelDraft): Promise<ChannelView> {
    return this.#options.channels.create(draft);
  }

  joinChannel(name: string): Promise<ChannelView> {
    return this.#options.channels.join(name);
  }

  async leaveChannel(name: string): Promise<void> {
    await this.#options.channels.leave(await this.#channel(name));
  }

  async changeChannel(name: string, change: ChannelChange): Promise<ChannelView> {
    return this.#options.channels.change(await this.#channel(name), change);
  }

  async inviteTo(name: string, member: string): Promise<void> {
    await this.#options.channels.invite(await this.#channel(name), await this.#member(member));
  }

  async kickFrom(name: string, member: string): Promise<void> {
    await this.#options.channels.kick(await this.#channel(name), await this.#member(member));
  }

  async channelMembers(name: string): Promise<readonly ChannelPerson[]> {
    return this.#options.channels.members(await this.#channel(name));
  }

  async subscribe(
    channel: string,
    handler: (post: IncomingPost) => void | Promise<void>,
    options: { name?: string; since?: number; replay?: number; own?: boolean } = {},
  ): Promise<() => void> {
    return this.#options.channels.subscribe(await this.#channel(channel), handler, options);
  }

  get #contacts(): Conversations["contacts"] {
    return this.#options.conversations.contacts;
  }

  #member(who: string): Promise<MemberView> {
    return this.#options.recipients.member(who.startsWith("@") && who.length > 33 ? who.slice(1) : who);
  }

  /** The id of a channel that this member is in, or may see. */
  #channel(name: string): Promise<string> {
    return this.#options.channels.idOf(name);
  }

  /** `@<member id>` or `#<channel id>`, of what a person typed. */
  async #conversation(name: string): Promise<string> {
    // What is remembered can be read whoever is asked, and whether or not anybody can be asked now.
    if (exactly.test(name)) return name;
    if (name.startsWith("#")) return channelConversation(await this.#options.channels.remembered(name));
    return directConversation((await this.#member(name)).member);
  }

  async #put(conversation: string, content: Content, options: SayOptions = {}, via?: Via): Promise<Sent> {
    const { channels, conversations } = this.#options;
    if (conversation.startsWith("#"))
      return channels.post(await this.#channel(conversation), content, { via, signal: options.signal });
    if (via !== undefined)
      throw new ParleyError("invalid_argument", { message: "An edge speaks for others in channels only." });
    const { member } = await this.#member(conversation);
    return conversations.speech.say(member, content, options);
  }

  async #known(conversation: string, id: string): Promise<ArchivedMessage> {
    const message = await this.#archive.message(await this.#conversation(conversation), id);
    if (message === undefined)
      throw new ParleyError("not_found", { message: "This conversation has no message with this id." });
    return message;
  }

  async #own(conversation: string, id: string): Promise<void> {
    const message = await this.#known(conversation, id);
    if (!message.own) throw new ParleyError("forbidden", { message: "Only its author changes a message." });
    if (textContent(message.content) === undefined)
      throw new ParleyError("conflict", { message: "The message was taken back." });
  }
}

/** A channel in which nothing was said since this device followed it. */
const emptySummary = (conversation: string): ConversationSummary => ({
  conversation,
  messages: 0,
  unread: 0,
  mentions: 0,
  read: 0,
  last: undefined,
  mark: undefined,
});
