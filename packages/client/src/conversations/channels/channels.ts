/** Channels as a device takes part in them: coming and going, posting, following, and handing posts to programs. */
import { type Archive, type Clock, type Journal, type JournalState, type Random } from "@parley/core";
import {
  type ApprovalNeed,
  type Channel,
  type Content,
  contentSchema,
  issueOf,
  ParleyError,
  type PushMessage,
  type TextContent,
  toBase64url,
} from "@parley/protocol";

import type { ActionRequest, Grants } from "../../approvals/approval-requests.ts";
import type { Delivery, Sent } from "../../delivery.ts";
import type { Directory } from "../../directory.ts";
import type { Gate } from "../../gate.ts";
import { type Outgoing, outgoingContent } from "../../guards/outgoing.ts";
import type { Identity } from "../../identity.ts";
import type { MemberView } from "../../member-view.ts";
import type { Session } from "../../session.ts";
import type { UsageMeter } from "../../usage-meter.ts";
import type { WriteAgain } from "../../write-again.ts";
import type {
  ChannelChange,
  ChannelDraft,
  ChannelPerson,
  ChannelView,
  ConversationEvent,
  IncomingPost,
  PendingPost,
} from "../conversation-api.ts";
import type { PostHow } from "../conversation-desk.ts";
import { channelConversation, type ConversationLog } from "../conversation-log.ts";
import { ChannelBook } from "./channel-book.ts";
import type { ChannelCipher } from "./channel-cipher.ts";
import { ChannelCrowd } from "./channel-crowd.ts";
import { ChannelFollower } from "./channel-follower.ts";
import { ChannelMembership } from "./channel-membership.ts";
import { ChannelNews } from "./channel-news.ts";
import { ChannelPeople } from "./channel-people.ts";
import { ChannelSession } from "./channel-session.ts";
import { ChannelSubscriptions, type SubscribeOptions } from "./channel-subscriptions.ts";
import { ChannelTyping } from "./channel-typing.ts";
import { KnownChannels } from "./known-channels.ts";
import { callingsOf, mentionsOf } from "./mentions.ts";
import { PostOutbox } from "./post-outbox.ts";
import { PostReader } from "./post-reader.ts";

export interface ChannelsOptions {
  readonly mesh: string;
  readonly identity: () => Pick<Identity, "member" | "device">;
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly state: Pick<JournalState, "outbox" | "lastSeq">;
  readonly writes: WriteAgain;
  readonly session: Pick<Session, "isOpen" | "request" | "sendPost">;
  readonly directory: Pick<Directory, "known" | "get" | "refresh" | "find">;
  readonly log: Pick<ConversationLog, "apply" | "archive">;
  /** Without it posts of encrypted channels are shown as unreadable, and none are made. */
  readonly cipher?: ChannelCipher | undefined;
  readonly emit: (
    event: ConversationEvent | { readonly type: "delivery"; readonly delivery: Delivery; readonly to: string },
  ) => void;
  /** Takes out what must not leave this device. */
  readonly outgoing: Outgoing;
  readonly gate: Pick<Gate, "checkOwn">;
  /** Asks those who may approve; resolves with their statements. Rejects as `ApprovalRequests.outcome` does. */
  readonly approve: (request: ActionRequest, signal: AbortSignal | undefined) => Promise<Grants>;
  readonly meter: Pick<UsageMeter, "ready" | "posted">;
  readonly onRefused: (error: unknown) => void;
  readonly onError: (error: unknown) => void;
}

const newsTypes: ReadonlySet<PushMessage["type"]> = new Set(["channel.event", "channel.invited", "group.changed"]);

type Summary = Awaited<ReturnType<Archive["conversations"]>>[number];

export class Channels {
  readonly #options: ChannelsOptions;
  readonly #book: ChannelBook;
  readonly #people: ChannelPeople;
  readonly #membership: ChannelMembership;
  readonly #outbox: PostOutbox;
  readonly #follower: ChannelFollower;
  readonly #subscriptions: ChannelSubscriptions;
  readonly #news: ChannelNews;
  readonly #session: ChannelSession;
  readonly #typing: ChannelTyping;
  #opened: Promise<void> | undefined;
  #isOpen = false;

  constructor(options: ChannelsOptions) {
    const { clock, random, session, directory, journal, writes, log, cipher, emit, onError } = options;
    const { member, device } = options.identity();
    this.#options = options;
    this.#book = new ChannelBook({
      session,
      kept: new KnownChannels(journal, writes),
      onJoined: ({ channel }) => this.#session.onJoined(channel),
      onLeft: (channel) => this.#onLeft(channel),
    });
    const book = this.#book;
    this.#people = new ChannelPeople({ clock, session, directory });
    this.#membership = new ChannelMembership({ ...options, book });
    this.#outbox = new PostOutbox({
      ...options,
      cipher,
      book,
      onDelivery: (delivery, to) => emit({ type: "delivery", delivery, to }),
      hasTaken: (channel, offset) => this.#follower.hasTaken(channel, offset),
    });
    this.#follower = this.#makeFollower();
    this.#subscriptions = new ChannelSubscriptions({
      archive: log.archive,
      journal,
      clock,
      random,
      device: device.id,
      nameOf: (channel) => book.known(channel)?.name ?? channel,
      onError,
    });
    this.#news = new ChannelNews({
      member,
      clock,
      session,
      directory,
      book,
      people: this.#people,
      cipher,
      emit,
      onError,
    });
    this.#session = new ChannelSession({
      clock,
      random,
      session,
      book,
      follower: this.#follower,
      outbox: this.#outbox,
      opened: () => this.open(),
      onError,
    });
    this.#typing = new ChannelTyping({ clock, session });
  }

  /** Takes up what an earlier start left. Everything that depends on it waits for it; safe to call again. */
  open(): Promise<void> {
    this.#opened ??= Promise.all([this.#book.open(), this.#follower.open()]).then(
      () => {
        this.#isOpen = true;
      },
      (error: unknown) => {
        this.#opened = undefined;
        throw error;
      },
    );
    return this.#opened;
  }

  /** A session begins: every channel of this member is followed from where it stood. */
  onSession(): void {
    this.#session.begin();
  }

  /** True when it was about channels. */
  onPush(push: Exclude<PushMessage, { type: "frame.results" }>): boolean {
    if (push.type === "post.results") {
      this.#outbox.onResults(push.body);
      return true;
    }
    if (this.#isOpen || !newsTypes.has(push.type)) return this.#news.onPush(push);
    // What is told of a channel must not take the place of what is known of it, as that it is encrypted.
    this.open()
      .then(() => this.#news.onPush(push))
      .catch(this.#options.onError);
    return true;
  }

  /** A binary message with posts. */
  onPosts(bytes: Uint8Array): void {
    try {
      this.#follower.receive(bytes);
    } catch (error) {
      this.#options.onRefused(error);
    }
  }

  /** Every post that was accepted is at the registry. */
  get isStored(): boolean {
    return this.#outbox.isStored;
  }

  stop(): void {
    this.#session.stop();
    this.#news.stop();
    this.#follower.stop();
    this.#outbox.stop();
    this.#subscriptions.stop();
  }

  /** The channels that this member is in, without asking. */
  async joined(): Promise<readonly Channel[]> {
    await this.open();
    return this.#book.joined;
  }

  async list(options: { joined?: boolean; archived?: boolean } = {}): Promise<readonly ChannelView[]> {
    await this.open();
    const { session, log } = this.#options;
    const channels = session.isOpen ? await this.#book.list(options) : this.#book.joined;
    const summaries = await log.archive.conversations();
    const byId = new Map(summaries.map((summary) => [summary.conversation, summary]));
    return channels.map((channel) => this.#viewOf(channel, byId.get(channelConversation(channel.channel))));
  }

  async view(name: string): Promise<ChannelView> {
    await this.open();
    const { session } = this.#options;
    const known = await this.#book.recall(name);
    return this.#view(known.joined && session.isOpen ? await this.#book.refresh(known.channel) : known);
  }

  async idOf(name: string): Promise<string> {
    await this.open();
    return (await this.#book.find(name)).channel;
  }

  /** The id of a channel to read what this device remembers of it: one that was left, too. */
  async remembered(name: string): Promise<string> {
    await this.open();
    return (await this.#book.recall(name)).channel;
  }

  async create(draft: ChannelDraft): Promise<ChannelView> {
    await this.open();
    return this.#view(await this.#membership.create(draft));
  }

  async join(name: string): Promise<ChannelView> {
    await this.open();
    const joined = await this.#membership.join(name);
    // Whoever listens next begins here.
    await this.#follower.followed(joined.channel);
    return this.#view(joined);
  }

  async leave(channel: string): Promise<void> {
    await this.open();
    await this.#membership.leave(channel);
  }

  async change(channel: string, change: ChannelChange): Promise<ChannelView> {
    await this.open();
    return this.#view(await this.#membership.change(channel, change));
  }

  async invite(channel: string, { member }: Pick<MemberView, "member">): Promise<void> {
    await this.open();
    await this.#membership.invite(channel, member);
  }

  kick(channel: string, { member }: Pick<MemberView, "member">): Promise<void> {
    return this.#membership.kick(channel, member);
  }

  members(channel: string): Promise<readonly ChannelPerson[]> {
    return this.#people.list(channel);
  }

  /**
   * Resolves when it is on disk. Throws `invalid_argument` for what is not of the documented form, `not_in_channel`, `archived`,
   * `unsupported_operation`, `too_large` and `limit_reached`.
   */
  async post(channel: string, content: Content, { via, signal }: PostHow = {}): Promise<Sent> {
    await this.open();
    signal?.throwIfAborted();
    const known = this.#book.known(channel);
    if (known?.joined !== true) throw new ParleyError("not_in_channel");
    if (known.archived !== undefined) throw new ParleyError("archived");
    const need = this.#options.gate.checkOwn(undefined, { action: "post", channel: known.name });
    if (known.encrypted && need !== undefined) throw new ParleyError("not_approvable");
    if (known.encrypted && this.#options.cipher === undefined)
      throw new ParleyError("unsupported_operation", {
        message: "This device has no keys for encrypted channels and cannot post there.",
      });
    if (known.encrypted && via !== undefined)
      throw new ParleyError("unsupported_operation", { message: "An edge speaks for others in public channels only." });
    const parsed = contentSchema.safeParse(outgoingContent(content, this.#options.outgoing));
    if (!parsed.success)
      throw new ParleyError("invalid_argument", { message: `The message: ${issueOf(parsed.error)}.` });
    const { data } = parsed;
    const said = data.type === "text" ? await this.#called(channel, data) : data;
    if (need !== undefined && via !== undefined)
      throw new ParleyError("approval_required", { message: "What an edge says for others cannot be approved." });
    const approved = need === undefined ? { via } : await this.#approved(known, said, need, signal);
    await this.#options.meter.ready;
    // Asked again: it may have taken a person's time to come here.
    this.#options.gate.checkOwn(undefined, { action: "post", channel: known.name });
    this.#options.meter.posted();
    return this.#outbox.accept(channel, said, approved);
  }

  /** Waits until enough members said yes to this very post. */
  async #approved(
    { channel, name }: Pick<Channel, "channel" | "name">,
    content: Content,
    need: ApprovalNeed,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly id: string; readonly approvals: readonly string[] }> {
    const { mesh, identity, random, approve } = this.#options;
    const { member, device } = identity();
    const id = toBase64url(random.bytes(16));
    const action = { kind: "post" as const, mesh, channel, name, author: member, device: device.id, id, content };
    return { id, approvals: await approve({ action, need }, signal) };
  }

  /** The name of a channel with its `#`, by `#<channel id>`; without one that is known, the same again. */
  labelOf(conversation: string): string {
    return this.#book.labelOf(conversation.slice(1));
  }

  /** What this device accepted and is not in the channel's history yet, in order. */
  pending(channel: string): readonly PendingPost[] {
    return this.#outbox.pending(channel);
  }

  typing(channel: string, writes: boolean): void {
    if (this.#book.isJoined(channel)) this.#typing.say(channel, writes);
  }

  async fetchOlder(channel: string): Promise<boolean> {
    await this.open();
    return this.#follower.fetchOlder(channel);
  }

  async subscribe(
    channel: string,
    handler: (post: IncomingPost) => void | Promise<void>,
    options: SubscribeOptions = {},
  ): Promise<() => void> {
    await this.open();
    return this.#subscriptions.subscribe(channel, handler, { ...options, end: await this.#follower.followed(channel) });
  }

  #makeFollower(): ChannelFollower {
    const { mesh, identity, clock, random, session, directory, log, cipher, emit, onError } = this.#options;
    const { member, device } = identity();
    return new ChannelFollower({
      clock,
      random,
      session,
      log,
      cipher,
      book: this.#book,
      own: { member, device: device.id },
      now: () => clock.now(),
      reader: new PostReader({
        mesh,
        directory,
        archived: (channel, id) => log.archive.message(channelConversation(channel), id),
      }),
      callings: () => {
        const self = directory.known(member);
        return self === undefined ? new Set() : callingsOf(self);
      },
      ownContent: (channel, id) => this.#outbox.contentOf(channel, id),
      emit,
      onEcho: (channel, id) => this.#outbox.onEcho(channel, id),
      onTaken: (channel) => this.#subscriptions.wake(channel),
      onCaughtUp: (channel) => this.#outbox.open(channel),
      onError,
    });
  }

  #onLeft(channel: string): void {
    const { cipher, onError } = this.#options;
    this.#follower.unfollow(channel);
    this.#outbox.refuseAll(channel);
    this.#people.changed(channel);
    cipher?.onLeft(channel).catch(onError);
  }

  async #called(channel: string, content: TextContent): Promise<TextContent> {
    const { identity, session, directory } = this.#options;
    const { member } = identity();
    const crowd = new ChannelCrowd({ channel, member, session, directory, people: this.#people });
    const mentions = await mentionsOf(content.text, content.mentions ?? [], crowd);
    return mentions.length === 0 ? content : { ...content, mentions: [...mentions] };
  }

  async #view(channel: Channel): Promise<ChannelView> {
    const conversation = channelConversation(channel.channel);
    const summaries = await this.#options.log.archive.conversations();
    return this.#viewOf(
      channel,
      summaries.find((summary) => summary.conversation === conversation),
    );
  }

  #viewOf(channel: Channel, summary: Summary | undefined): ChannelView {
    const trouble = channel.encrypted && this.#options.cipher === undefined ? "unsupported_operation" : undefined;
    return {
      ...channel,
      unread: summary?.unread ?? 0,
      mentions: summary?.mentions ?? 0,
      last: summary?.last,
      trouble: this.#book.troubleOf(channel.channel) ?? trouble,
    };
  }
}
