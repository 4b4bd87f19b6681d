/** What this device posts to channels: a lane for each, all of them in the journal, all over one session. */
import type { Clock, Journal, JournalState, Random } from "@parley/core";
import { type AnyContent, isEndState, limits, type PushBody } from "@parley/protocol";

import type { Delivery, Sent } from "../../delivery.ts";
import type { WriteAgain } from "../../write-again.ts";
import type { PendingPost } from "../conversation-api.ts";
import type { ChannelBook } from "./channel-book.ts";
import { PostLane, type PostLaneOptions } from "./post-lane.ts";
import { channelOfRecipient, isPostRecipient, type LeftPost, PostPage, postIn } from "./post-page.ts";
import { type PostExtras, PostWriter, type PostWriterOptions } from "./post-writer.ts";

export interface PostOutboxOptions
  extends Pick<PostLaneOptions, "session" | "cipher" | "onError">, Pick<PostWriterOptions, "mesh" | "identity"> {
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly state: Pick<JournalState, "outbox" | "lastSeq">;
  readonly book: Pick<ChannelBook, "known" | "labelOf">;
  /** `to` is the channel's name with its `#`. */
  readonly onDelivery: (delivery: Delivery, to: string) => void;
  /** Whether a place of a channel's history has been taken. */
  readonly hasTaken: (channel: string, offset: number) => boolean;
}

const gone = { code: "not_in_channel", message: "This member is in the channel no more." } as const;

export class PostOutbox {
  readonly #options: PostOutboxOptions;
  readonly #lanes = new Map<string, PostLane>();

  constructor(options: PostOutboxOptions) {
    this.#options = options;
    const left = new Map<string, LeftPost[]>();
    for (const entry of options.state.outbox) {
      if (!isPostRecipient(entry.recipient)) continue;
      const channel = channelOfRecipient(entry.recipient);
      const post = postIn(entry);
      if (post === undefined || isEndState(post.state)) this.#pageOf(channel).drop(entry.seq);
      else left.set(channel, [...(left.get(channel) ?? []), post]);
    }
    for (const [channel, posts] of left) this.#lane(channel, posts);
  }

  /** Resolves when it is on disk. Throws `too_large` and `limit_reached`. */
  accept(channel: string, content: AnyContent, extras?: PostExtras): Promise<Sent> {
    return this.#lane(channel).accept(content, extras);
  }

  /** What is not in a channel's history yet, in order. */
  pending(channel: string): readonly PendingPost[] {
    return this.#lanes.get(channel)?.pending() ?? [];
  }

  contentOf(channel: string, id: string): AnyContent | undefined {
    return this.#lanes.get(channel)?.contentOf(id);
  }

  get isStored(): boolean {
    return [...this.#lanes.values()].every((lane) => lane.isStored);
  }

  /** A channel's history is here as far as it went. */
  open(channel: string): void {
    this.#lane(channel).open();
  }

  /** A session begins, and these are the channels that this member is in: to the others nothing can be posted any more. */
  begin(channels: ReadonlySet<string>): void {
    for (const [channel, lane] of this.#lanes) if (!channels.has(channel)) lane.refuseAll(gone);
  }

  refuseAll(channel: string): void {
    this.#lanes.get(channel)?.refuseAll(gone);
  }

  suspend(): void {
    for (const lane of this.#lanes.values()) lane.suspend();
  }

  onResults({ results }: PushBody<"post.results">): void {
    const { hasTaken } = this.#options;
    for (const result of results) {
      const { channel, offset } = result;
      this.#lanes.get(channel)?.onResult(result, offset !== undefined && hasTaken(channel, offset));
    }
    // What one lane does not use any more is for the others.
    this.pump();
  }

  onEcho(channel: string, id: string): void {
    this.#lanes.get(channel)?.onEcho(id);
  }

  pump(): void {
    for (const lane of this.#lanes.values()) lane.pump();
  }

  stop(): void {
    for (const lane of this.#lanes.values()) lane.stop();
  }

  get #underWay(): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += lane.underWay;
    return sum;
  }

  #pageOf(channel: string): PostPage {
    const { journal, writes, clock } = this.#options;
    return new PostPage({ channel, journal, writes, now: () => clock.now() });
  }

  #lane(channel: string, left: readonly LeftPost[] = []): PostLane {
    const known = this.#lanes.get(channel);
    if (known !== undefined) return known;
    const { mesh, identity, clock, random, session, state, book, cipher, onDelivery, onError } = this.#options;
    const lane = new PostLane(
      {
        channel,
        clock,
        random,
        session,
        page: this.#pageOf(channel),
        lastSeq: state.lastSeq.get(`#${channel}`) ?? 0,
        writer: new PostWriter({
          mesh,
          channel,
          identity,
          cipher,
          isEncrypted: () => book.known(channel)?.encrypted === true,
        }),
        cipher,
        room: () => limits.postsPending - this.#underWay,
        onDelivery: (delivery) => onDelivery(delivery, book.labelOf(channel)),
        onError,
      },
      left,
    );
    this.#lanes.set(channel, lane);
    return lane;
  }
}
