/** Follows every channel that this member is in: a feed for each, begun anew with each session. */
import type { Clock, Random } from "@parley/core";
import { type Channel, decodePostBatch, type ErrorCode, limits, ParleyError, toParleyError } from "@parley/protocol";

import type { Session } from "../../session.ts";
import type { ConversationEvent } from "../conversation-api.ts";
import { channelConversation, type ConversationLog } from "../conversation-log.ts";
import type { ChannelBook } from "./channel-book.ts";
import { ChannelFeed, type FollowReply } from "./channel-feed.ts";
import { type ChannelMark, markIn, textOfMark } from "./channel-mark.ts";
import { idOf, OlderPosts } from "./older-posts.ts";
import { PostChanges, type PostChangesOptions } from "./post-changes.ts";
import type { PlacedPost, PostReader } from "./post-reader.ts";
import { PostTaker } from "./post-taker.ts";

export interface ChannelFollowerOptions extends Pick<PostChangesOptions, "own" | "now" | "cipher" | "callings"> {
  readonly clock: Clock;
  readonly random: Random;
  readonly session: Pick<Session, "isOpen" | "request">;
  readonly log: Pick<ConversationLog, "apply" | "archive">;
  readonly book: ChannelBook;
  readonly reader: PostReader;
  readonly ownContent: (channel: string, id: string) => ReturnType<PostChangesOptions["ownContent"]>;
  readonly emit: (event: ConversationEvent) => void;
  readonly onEcho: (channel: string, id: string) => void;
  /** Something new is in the archive. */
  readonly onTaken: (channel: string) => void;
  /** What the registry had of a channel is here. */
  readonly onCaughtUp: (channel: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Asked {
  readonly channel: string;
  readonly mark: ChannelMark;
  readonly reply: PromiseWithResolvers<FollowReply>;
}

/** Of somebody who is in a channel no more. */
const lostCodes: ReadonlySet<ErrorCode> = new Set(["not_in_channel", "unknown_channel"]);

export class ChannelFollower {
  readonly #options: ChannelFollowerOptions;
  readonly #followed = new Map<string, ChannelFeed>();
  /** Where an earlier start stood. */
  readonly #marks = new Map<string, ChannelMark>();
  /** Where each channel's history ended when this session began to follow it, as a place in the archive. */
  readonly #starts = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();
  #asked: Asked[] = [];
  #stopped = false;

  constructor(options: ChannelFollowerOptions) {
    this.#options = options;
  }

  /** Reads how far an earlier start took each channel. */
  async open(): Promise<void> {
    for (const { conversation, mark } of await this.#options.log.archive.conversations()) {
      const known = conversation.startsWith("#") ? markIn(mark) : undefined;
      if (known !== undefined) this.#marks.set(conversation.slice(1), known);
    }
  }

  /** The session is over. */
  suspend(): void {
    this.#starts.clear();
    for (const feed of this.#followed.values()) feed.suspend();
  }

  /** A session begins, and these are the channels that this member is in. */
  begin(channels: readonly Channel[]): void {
    this.#options.reader.onSession();
    for (const { channel } of channels) this.follow(channel);
  }

  follow(channel: string): void {
    if (this.#stopped) return;
    let feed = this.#followed.get(channel);
    if (feed === undefined) {
      if (this.#followed.size >= limits.channelsPerMember) return this.#release(channel);
      feed = this.#make(channel);
      this.#followed.set(channel, feed);
    }
    feed.begin();
  }

  /**
   * Waits until a channel of this member is followed, unless it cannot be now. Gives the place in the archive up to which its history
   * went in that moment: what comes after it is new.
   */
  async followed(channel: string): Promise<number> {
    const { session, book } = this.#options;
    const mayCome = session.isOpen && !this.#stopped && book.isJoined(channel) && book.troubleOf(channel) === undefined;
    if (mayCome && !this.#starts.has(channel))
      await new Promise<void>((resolve) => {
        this.#waiting.set(channel, [...(this.#waiting.get(channel) ?? []), resolve]);
      });
    return this.#starts.get(channel) ?? 0;
  }

  unfollow(channel: string): void {
    const { session } = this.#options;
    this.#starts.delete(channel);
    this.#release(channel);
    const feed = this.#followed.get(channel);
    if (feed === undefined) return;
    feed.stop();
    this.#followed.delete(channel);
    if (feed.mark !== undefined) this.#marks.set(channel, feed.mark);
    // Whoever is out of it is not served anyway.
    if (session.isOpen) session.request("channel.unfollow", { channels: [channel] }).catch(() => undefined);
  }

  /** A binary message with posts. Throws `malformed_frame`. */
  receive(bytes: Uint8Array): void {
    const batch = decodePostBatch(bytes);
    if (!batch.ok) throw new ParleyError(batch.code, { message: batch.message });
    this.#followed.get(batch.value.channel)?.receive(batch.value);
  }

  /** Everything up to this offset of the present history has been taken. */
  hasTaken(channel: string, offset: number): boolean {
    const mark = this.#followed.get(channel)?.mark;
    return mark !== undefined && mark.offset >= offset;
  }

  /** Takes a page of posts that are older than what is here. False when there are none. */
  async fetchOlder(channel: string): Promise<boolean> {
    const { session, log, book, reader, onTaken } = this.#options;
    await book.find(channel);
    const mark = this.#followed.get(channel)?.mark ?? this.#marks.get(channel);
    const older = new OlderPosts({ channel, session, archive: log.archive, mark });
    const taker = this.#takerOf(channel);
    return older.fetch(async (posts, sortOf) => {
      reader.onSession();
      await taker.take(posts, sortOf, () => undefined);
      onTaken(channel);
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const feed of this.#followed.values()) feed.stop();
    for (const channel of this.#waiting.keys()) this.#release(channel);
  }

  #release(channel: string): void {
    for (const resolve of this.#waiting.get(channel) ?? []) resolve();
    this.#waiting.delete(channel);
  }

  #takerOf(channel: string): PostTaker {
    const { log, reader, own, now, cipher, callings } = this.#options;
    return new PostTaker({
      channel,
      reader,
      changes: new PostChanges({
        channel,
        own,
        now,
        cipher,
        callings,
        archived: (id) => log.archive.message(channelConversation(channel), id),
        ownContent: (id) => this.#options.ownContent(channel, id),
      }),
      log,
      device: own.device,
      onEcho: (_, id) => this.#options.onEcho(channel, id),
    });
  }

  #make(channel: string): ChannelFeed {
    const { clock, random, session, log, book, cipher } = this.#options;
    const conversation = channelConversation(channel);
    const isHere = async (post: PlacedPost): Promise<boolean> =>
      (await log.archive.message(conversation, idOf(post))) !== undefined;
    return new ChannelFeed({
      channel,
      mark: this.#marks.get(channel),
      clock,
      random,
      session,
      taker: this.#takerOf(channel),
      follow: (mark) => this.#ask(channel, mark),
      hasAny: async (posts) => (await Promise.all(posts.map(isHere))).some(Boolean),
      lastSort: async () => (await log.archive.messages({ conversation, limit: 1 })).messages.at(-1)?.sort ?? 0,
      keep: (mark) => {
        log.apply({ type: "mark", conversation, mark: textOfMark(mark) }).catch(this.#options.onError);
      },
      prepare: async () => {
        if (book.known(channel)?.encrypted === true) await cipher?.onFollow(channel);
      },
      onGap: (gap) => this.#options.emit({ type: "channel-gap", channel, ...gap }),
      onTaken: () => this.#options.onTaken(channel),
      onCaughtUp: () => this.#options.onCaughtUp(channel),
      onFollowed: (sort) => {
        this.#starts.set(channel, sort);
        this.#release(channel);
      },
      onTrouble: (code) => {
        // Nobody waits for what may never be.
        this.#release(channel);
        if (code !== undefined && lostCodes.has(code)) book.leave(channel);
        else book.setTrouble(channel, code);
      },
      onError: this.#options.onError,
    });
  }

  /** What all channels ask of one turn is one request. */
  #ask(channel: string, mark: ChannelMark): Promise<FollowReply> {
    const reply = Promise.withResolvers<FollowReply>();
    this.#asked.push({ channel, mark, reply });
    if (this.#asked.length === 1) this.#options.clock.soon(() => void this.#askAll());
    return reply.promise;
  }

  async #askAll(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    try {
      const { channels } = await this.#options.session.request("channel.follow", {
        channels: asked.map(({ channel, mark: { epoch, offset } }) => ({ channel, epoch, after: offset })),
      });
      const replies = new Map(channels.map((reply) => [reply.channel, reply]));
      for (const { channel, reply } of asked) {
        const answer = replies.get(channel);
        if (answer === undefined) reply.reject(new ParleyError("malformed_frame"));
        else reply.resolve(answer);
      }
    } catch (error) {
      for (const { reply } of asked) reply.reject(toParleyError(error));
    }
  }
}
