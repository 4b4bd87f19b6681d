/**
 * One channel as this device follows it: from where it stood, through what comes and what it has to ask for, so that nothing is
 * left out without a word and nothing comes twice.
 */
import { Backoff, type Clock, type Random, type Timer } from "@parley/core";
import { type ErrorCode, limits, ParleyError, type PostBatch, type ReplyBody, toParleyError } from "@parley/protocol";

import type { Session } from "../../session.ts";
import type { ConversationEvent } from "../conversation-api.ts";
import type { ChannelMark } from "./channel-mark.ts";
import type { PlacedPost } from "./post-reader.ts";
import type { PostTaker } from "./post-taker.ts";

type ChannelGap = Omit<Extract<ConversationEvent, { type: "channel-gap" }>, "type" | "channel">;
export type FollowReply = ReplyBody<"channel.follow">["channels"][number];

export interface ChannelFeedOptions {
  readonly channel: string;
  /** Where an earlier start stood. */
  readonly mark: ChannelMark | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly session: Pick<Session, "isOpen" | "request">;
  readonly taker: Pick<PostTaker, "take">;
  /** Asks the node to push what comes after this. */
  readonly follow: (mark: ChannelMark) => Promise<FollowReply>;
  /** Whether something of these is in the archive. */
  readonly hasAny: (posts: readonly PlacedPost[]) => Promise<boolean>;
  /** The highest `sort` in the archive, 0 for none. */
  readonly lastSort: () => Promise<number>;
  /** Keeps a mark. Called after what it covers is durable; nobody waits for it. */
  readonly keep: (mark: ChannelMark) => void;
  /** Awaited once in a session, before anything is taken. */
  readonly prepare: () => Promise<void>;
  readonly onGap: (gap: ChannelGap) => void;
  /** Something was taken. */
  readonly onTaken: () => void;
  /** Everything that the node had when it was asked has been taken. */
  readonly onCaughtUp: () => void;
  /** The node pushes from now on; what it has in this moment lies up to this place in the archive. */
  readonly onFollowed: (sort: number) => void;
  /** Undefined when there is none any more. */
  readonly onTrouble: (code: ErrorCode | undefined) => void;
  readonly onError: (error: unknown) => void;
}

/** Posts that wait to be taken; what comes on top is asked for later. */
const mostWaitingBatches = 64;
const mostWaitingPosts = 4 * limits.postsPerBatch;
/** Pages that are looked through for the place where a restored history and this device's memory part. */
const mostPagesBack = 10;
/** Without a mark the newest page is taken, and older ones when somebody asks. */
const firstPages = 1;

export class ChannelFeed {
  readonly #options: ChannelFeedOptions;
  readonly #backoff: Backoff;
  #mark: ChannelMark | undefined;
  #waiting: PostBatch[] = [];
  #waitingPosts = 0;
  /** More came than was kept waiting, or may have been trimmed: the registry is asked for it. */
  #isBehind = false;
  #isFollowed = false;
  #target: number | undefined;
  /** Counts sessions: what belongs to an earlier one is void. */
  #run = 0;
  #isWorking = false;
  #stopped = false;
  #pause: Timer | undefined;

  constructor(options: ChannelFeedOptions) {
    this.#options = options;
    this.#mark = options.mark;
    this.#backoff = new Backoff(options.random, { firstMs: 500, mostMs: 30_000 });
  }

  get mark(): ChannelMark | undefined {
    return this.#mark;
  }

  /** A session begins. */
  begin(): void {
    this.suspend();
    this.#go();
  }

  /** The session is over: what it pushed and was not taken will be pushed again. */
  suspend(): void {
    this.#run++;
    this.#waiting = [];
    this.#waitingPosts = 0;
    this.#isBehind = false;
    this.#isFollowed = false;
    this.#target = undefined;
    this.#pause?.cancel();
    this.#pause = undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.suspend();
  }

  /** Posts came. */
  receive(batch: PostBatch): void {
    if (this.#stopped) return;
    const isFull =
      this.#waiting.length >= mostWaitingBatches || this.#waitingPosts + batch.posts.length > mostWaitingPosts;
    if (isFull) this.#isBehind = true;
    else {
      this.#waiting.push(batch);
      this.#waitingPosts += batch.posts.length;
    }
    this.#go();
  }

  #go(): void {
    if (this.#isWorking || this.#stopped || this.#pause !== undefined) return;
    this.#isWorking = true;
    this.#work().catch(this.#options.onError);
  }

  async #work(): Promise<void> {
    let run = this.#run;
    try {
      for (;;) {
        run = this.#run;
        if (!this.#options.session.isOpen || this.#stopped || !(await this.#step())) break;
        this.#backoff.reset();
      }
      this.#isWorking = false;
    } catch (error) {
      this.#isWorking = false;
      if (run === this.#run) this.#failed(toParleyError(error));
      else this.#go();
    }
  }

  #failed(error: ParleyError): void {
    const { session, clock, onTrouble, onError } = this.#options;
    if (this.#stopped || !session.isOpen) return;
    onTrouble(error.code);
    // What cannot be mended by trying again is looked at once more in the next session.
    if (!error.retryable) return;
    if (error.code === "internal") onError(error);
    this.#pause = clock.setTimer(this.#backoff.next(), () => {
      this.#pause = undefined;
      this.#go();
    });
  }

  /** Does one thing; false when there is nothing to do. */
  async #step(): Promise<boolean> {
    if (!this.#isFollowed) {
      await this.#follow();
      return true;
    }
    const [first] = this.#waiting;
    if (first !== undefined) {
      const count = chainedAtStart(this.#waiting);
      const posts = this.#waiting.slice(0, count).flatMap((batch) => batch.posts);
      await this.#takeBatch({ ...first, posts });
      if (this.#waiting[0] === first) {
        this.#waiting.splice(0, count);
        this.#waitingPosts -= posts.length;
      }
      return true;
    }
    if (this.#isBehind) {
      this.#isBehind = false;
      try {
        await this.#fill(Infinity);
      } catch (error) {
        this.#isBehind = true;
        throw error;
      }
      return true;
    }
    if (this.#target !== undefined && this.#markHere.offset >= this.#target) {
      this.#target = undefined;
      this.#options.onCaughtUp();
    }
    return false;
  }

  get #markHere(): ChannelMark {
    if (this.#mark === undefined) throw new ParleyError("internal", { message: "The channel was not begun." });
    return this.#mark;
  }

  async #follow(): Promise<void> {
    const { prepare, follow, onFollowed, onTrouble } = this.#options;
    const run = this.#run;
    await prepare();
    if (this.#mark === undefined) await this.#begin(firstPages, 0);
    const reply = await follow(this.#markHere);
    if (reply.error !== undefined) throw new ParleyError(reply.error.code, { message: reply.error.message });
    const { bounds, after = 0 } = reply;
    if (bounds === undefined) throw new ParleyError("malformed_frame", { message: "A channel has no bounds." });
    // A history that ends before what was taken of it is another one, too: somebody put an older copy in its place.
    if (bounds.epoch !== this.#markHere.epoch || bounds.last < this.#markHere.offset) return this.#restore();
    if (run !== this.#run) return;
    // What a newcomer may not read is no gap.
    if (after > this.#markHere.offset) this.#move({ ...this.#markHere, offset: after });
    this.#isBehind ||= bounds.first > this.#markHere.offset + 1;
    this.#isFollowed = true;
    this.#target = bounds.last;
    onFollowed(this.#markHere.base + bounds.last);
    onTrouble(undefined);
  }

  /** The history is another one: what is there of it and not here comes after what is here. */
  async #restore(): Promise<void> {
    const { epoch, offset } = this.#markHere;
    await this.#begin(mostPagesBack, await this.#options.lastSort());
    if (epoch !== this.#markHere.epoch || offset > this.#markHere.offset)
      this.#options.onGap({ from: 1, to: Math.max(1, offset), reason: "restored" });
    // The node pushes from where its history begins: it is asked once more.
    this.#isFollowed = false;
    this.#waiting = [];
    this.#waitingPosts = 0;
  }

  /** Takes the newest pages, as far back as something known or so many. */
  async #begin(pages: number, base: number): Promise<void> {
    const { channel, session, hasAny } = this.#options;
    const { bounds } = await session.request("channel.get", { channel });
    const { epoch, last } = bounds;
    let posts: readonly PlacedPost[] = [];
    for (let page = 0; page < pages; page++) {
      const before = posts[0]?.offset ?? last + 1;
      if (before <= 1) break;
      const read = await session.request("channel.read", { channel, before, limit: limits.pageSize });
      if (read.bounds.epoch !== epoch) throw new ParleyError("conflict");
      posts = [...read.posts, ...posts];
      if (read.complete || read.posts.length === 0 || (await hasAny(read.posts))) break;
    }
    await this.#take(posts, { epoch, offset: 0, base });
    this.#move({ epoch, offset: Math.max(last, posts.at(-1)?.offset ?? 0), base });
  }

  async #takeBatch(batch: PostBatch): Promise<void> {
    const mark = this.#markHere;
    if (batch.epoch !== mark.epoch) return this.#restore();
    if (batch.previous > mark.offset) await this.#fill(batch.previous);
    if (batch.epoch !== this.#markHere.epoch) return;
    const decoder = new TextDecoder();
    const news = batch.posts.filter(({ offset }) => offset > this.#markHere.offset);
    const posts = news.map(({ offset, at, statement }) => ({ offset, at, statement: decoder.decode(statement) }));
    await this.#take(posts, this.#markHere);
  }

  /** Asks for what lies between here and there. What is there no more is said to be missing. */
  async #fill(upTo: number): Promise<void> {
    const { channel, session, onGap } = this.#options;
    while (this.#markHere.offset < upTo) {
      const mark = this.#markHere;
      const from = mark.offset + 1;
      const { bounds, posts } = await session.request("channel.read", { channel, from, limit: limits.pageSize });
      if (bounds.epoch !== mark.epoch) return this.#restore();
      const gone = Math.min(bounds.first, posts[0]?.offset ?? Infinity) - 1;
      if (gone >= from) {
        this.#move({ ...mark, offset: gone });
        onGap({ from, to: gone, reason: "trimmed" });
      }
      await this.#take(posts, this.#markHere);
      if (posts.length > 0 && this.#markHere.offset < bounds.last) continue;
      // Offsets are not dense: nothing more lies before there.
      this.#move({ ...this.#markHere, offset: Math.max(this.#markHere.offset, Math.min(upTo, bounds.last)) });
      return;
    }
  }

  async #take(posts: readonly PlacedPost[], { epoch, base }: ChannelMark): Promise<void> {
    if (posts.length === 0) return;
    await this.#options.taker.take(
      posts,
      (offset) => base + offset,
      (offset) => this.#move({ epoch, offset, base }),
    );
    this.#options.onTaken();
  }

  #move(mark: ChannelMark): void {
    const before = this.#mark;
    if (before?.epoch === mark.epoch && before.offset === mark.offset && before.base === mark.base) return;
    this.#mark = mark;
    this.#options.keep(mark);
  }
}

/** How many of the first batches follow each other: they are taken together. */
function chainedAtStart(batches: readonly PostBatch[]): number {
  let count = 1;
  for (; count < batches.length; count++) {
    const [before, batch] = [batches[count - 1], batches[count]];
    if (batch?.epoch !== before?.epoch || batch?.previous !== before?.posts.at(-1)?.offset) break;
  }
  return count;
}
