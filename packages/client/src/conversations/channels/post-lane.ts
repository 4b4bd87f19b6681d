/**
 * The posts of one channel that this device accepted: on disk first, sent in order and so many at once, and kept until they came back
 * in the channel's history.
 */
import { Backoff, type Clock, type Random, type Timer } from "@parley/core";
import { type AnyContent, isRetryable, ParleyError, type PushBody, toBase64url, toParleyError } from "@parley/protocol";

import type { Delivery, Sent } from "../../delivery.ts";
import type { Session } from "../../session.ts";
import type { PendingPost } from "../conversation-api.ts";
import type { ChannelCipher } from "./channel-cipher.ts";
import type { KeptPost, LeftPost, PostPage } from "./post-page.ts";
import { PostProgress } from "./post-progress.ts";
import { checkPostSize, type PostWriter, type PostExtras } from "./post-writer.ts";

export type PostResult = PushBody<"post.results">["results"][number];

export interface PostLaneOptions {
  readonly channel: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly session: Pick<Session, "isOpen" | "sendPost">;
  readonly page: PostPage;
  /** Highest number ever given in this channel's outbox. */
  readonly lastSeq: number;
  readonly writer: PostWriter;
  readonly cipher: ChannelCipher | undefined;
  /** How many more this session may have under way. */
  readonly room: () => number;
  readonly onDelivery: (delivery: Delivery) => void;
  readonly onError: (error: unknown) => void;
}

interface Entry extends KeptPost {
  readonly progress: PostProgress;
  isUnderWay: boolean;
  /** It left once, perhaps in an earlier life, so that the registry may have it whatever was heard of it. */
  wasSent: boolean;
}

/** Posts that wait; more are turned away. */
const mostWaiting = 4096;
/** Posts under way at once. */
const mostUnderWay = 64;
/** A session that lives and says nothing of a post for this long has lost it. */
const answerMs = 30_000;

export class PostLane {
  readonly #options: PostLaneOptions;
  readonly #backoff: Backoff;
  /** By id, in the order in which they were accepted. */
  readonly #entries = new Map<string, Entry>();
  #nextSeq: number;
  /** Being written: they take up room already. */
  #entering = 0;
  #underWay = 0;
  /** After an error one goes ahead, and the others when that is through: so they do not overtake it. */
  #window = mostUnderWay;
  #isOpen = false;
  #isPumping = false;
  #stopped = false;
  #pause: Timer | undefined;
  #answer: Timer | undefined;

  constructor(options: PostLaneOptions, left: readonly LeftPost[]) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    this.#nextSeq = options.lastSeq + 1;
    for (const post of left) this.#entries.set(post.id, { ...this.#entryOf(post, post.state), wasSent: true });
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Every post that was accepted is at the registry. */
  get isStored(): boolean {
    return this.#entering === 0 && [...this.#entries.values()].every(({ progress }) => progress.state !== "accepted");
  }

  /** Resolves when it is on disk. Throws `too_large` and `limit_reached`. */
  async accept(content: AnyContent, extras: PostExtras = {}): Promise<Sent> {
    const { random, clock, page } = this.#options;
    if (this.#stopped) throw new ParleyError("closed");
    const { via, approvals } = extras;
    checkPostSize(content, extras);
    if (this.#entries.size + this.#entering >= mostWaiting)
      throw new ParleyError("limit_reached", { message: `${mostWaiting} posts wait to be stored in this channel.` });
    const post: KeptPost = {
      seq: this.#nextSeq++,
      id: extras.id ?? toBase64url(random.bytes(16)),
      created: clock.now(),
      content,
      ...(via === undefined ? {} : { via }),
      ...(approvals === undefined ? {} : { approvals }),
    };
    const entry = this.#entryOf(post, "accepted");
    this.#entering++;
    try {
      await page.append(post);
    } finally {
      this.#entering--;
    }
    this.#entries.set(post.id, entry);
    entry.progress.announce();
    this.pump();
    return entry.progress.sent;
  }

  pending(): readonly PendingPost[] {
    return [...this.#entries.values()].map(({ id, created, content, via, progress }) => ({
      id,
      created,
      content,
      state: progress.state,
      ...(via === undefined ? {} : { via }),
    }));
  }

  contentOf(id: string): AnyContent | undefined {
    return this.#entries.get(id)?.content;
  }

  /** The channel's history is here as far as it went: what is left of an earlier session did not get into it. */
  open(): void {
    this.#isOpen = true;
    for (const { id, progress } of this.#entries.values())
      // It is in the part of the history that was taken before.
      if (progress.state === "stored") this.#settle(id);
    this.pump();
  }

  /** The session is over: nobody knows what became of what was under way. */
  suspend(): void {
    this.#isOpen = false;
    this.#window = mostUnderWay;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#again();
  }

  stop(): void {
    this.#stopped = true;
    this.suspend();
    const error = {
      code: "closed",
      message: "This device stopped; what was accepted goes on at its next start.",
    } as const;
    for (const { progress } of this.#entries.values()) progress.stop(error);
  }

  /** What the registry says of one. */
  onResult({ id, error }: PostResult, hasTaken: boolean): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#land(entry);
    if (error === undefined) {
      this.#backoff.reset();
      this.#window = mostUnderWay;
      this.#store(entry);
      // Of a channel that this member left, nothing comes back.
      if (hasTaken || !this.#isOpen) this.#settle(id);
    } else if (isRetryable(error.code)) this.#wait(new ParleyError(error.code, { message: error.message }));
    else this.#refuse(entry, error);
    this.pump();
  }

  /** It came back in the channel's history, and is in the archive. */
  onEcho(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#land(entry);
    this.#window = mostUnderWay;
    this.#store(entry);
    this.#settle(id);
    this.pump();
  }

  /** This member is in the channel no more. What is under way has its answer still to come. */
  refuseAll(error: NonNullable<Delivery["error"]>): void {
    this.#isOpen = false;
    for (const entry of this.#entries.values()) {
      if (entry.isUnderWay) continue;
      if (entry.progress.state === "stored") this.#settle(entry.id);
      else if (!entry.wasSent) this.#refuse(entry, error);
      else this.#refuse(entry, { ...error, message: `${error.message} The registry may have had this post before.` });
    }
  }

  /** Lets what waits leave. */
  pump(): void {
    if (this.#isPumping || !this.#mayGo) return;
    this.#isPumping = true;
    this.#send()
      .catch(this.#options.onError)
      .finally(() => {
        this.#isPumping = false;
        // Something may have to go again meanwhile.
        if (this.#mayGo && this.#hasUnsent) this.pump();
      })
      .catch(this.#options.onError);
  }

  get #hasUnsent(): boolean {
    for (const { isUnderWay, progress } of this.#entries.values())
      if (!isUnderWay && progress.state === "accepted") return true;
    return false;
  }

  get #mayGo(): boolean {
    const { session, room } = this.#options;
    const isReady = this.#isOpen && this.#pause === undefined && !this.#stopped && session.isOpen;
    return isReady && this.#underWay < this.#window && room() > 0;
  }

  async #send(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (!this.#mayGo) return;
      if (entry.isUnderWay || entry.progress.state !== "accepted") continue;
      try {
        const bytes = await this.#options.writer.bytesOf(entry);
        // It may have come back, or the session gone, meanwhile.
        if (!this.#mayGo) return;
        if (!this.#entries.has(entry.id)) continue;
        entry.isUnderWay = true;
        entry.wasSent = true;
        this.#underWay++;
        this.#awaitAnswer();
        await this.#options.session.sendPost(bytes);
      } catch (cause) {
        this.#land(entry);
        const error = toParleyError(cause);
        if (error.retryable) return this.#wait(error);
        this.#refuse(entry, { code: error.code, message: error.message });
      }
    }
  }

  /** Everything goes again after a while, in order. */
  #wait(error: ParleyError): void {
    this.#window = 1;
    if (this.#pause !== undefined || this.#stopped) return;
    const { clock, cipher, channel, onError } = this.#options;
    const pauseMs = this.#backoff.next();
    const isNews = error.code === "group_changed" && this.#backoff.tries === 1;
    const pause = clock.setTimer(isNews ? 0 : pauseMs, () => {
      const goOn = (): void => {
        if (this.#pause !== pause) return;
        this.#pause = undefined;
        this.#again();
        this.pump();
      };
      if (error.code !== "group_changed" || cipher === undefined) return goOn();
      cipher.onGroupChanged(channel, undefined).catch(onError).finally(goOn).catch(onError);
    });
    this.#pause = pause;
  }

  #awaitAnswer(): void {
    this.#answer ??= this.#options.clock.setTimer(answerMs, () => {
      this.#answer = undefined;
      this.#again();
      this.pump();
    });
  }

  #again(): void {
    for (const entry of this.#entries.values()) this.#land(entry);
  }

  /** It is under way no more. */
  #land(entry: Entry): void {
    if (!entry.isUnderWay) return;
    entry.isUnderWay = false;
    this.#underWay--;
    this.#answer?.cancel();
    this.#answer = undefined;
    if (this.#underWay > 0) this.#awaitAnswer();
  }

  #store(entry: Entry): void {
    if (entry.progress.state !== "accepted") return;
    this.#options.page.noteStored(entry.seq);
    entry.progress.reach("stored");
  }

  #refuse(entry: Entry, error: NonNullable<Delivery["error"]>): void {
    this.#options.page.noteRefused(entry.seq, error.code, error.message);
    this.#entries.delete(entry.id);
    entry.progress.reach("refused", error);
  }

  /** The journal lets go of everything up to the first that still waits. */
  #settle(id: string): void {
    this.#entries.delete(id);
    const first = this.#entries.values().next().value;
    this.#options.page.settle((first?.seq ?? this.#nextSeq - this.#entering) - 1);
  }

  #entryOf(post: KeptPost, state: Delivery["state"]): Entry {
    const { clock, onDelivery } = this.#options;
    const progress = new PostProgress({
      id: post.id,
      state,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      onDelivery,
    });
    return { ...post, progress, isUnderWay: false, wasSent: false };
  }
}
