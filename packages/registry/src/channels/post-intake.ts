import type { Clock, Timer } from "@parley/core";
import { ParleyError, type PushBody, toParleyError } from "@parley/protocol";

import type { RegistryBounds } from "../bounds.ts";
import type { MemberShare } from "../member-share.ts";
import type { NodeCounters } from "../node-counters.ts";
import type { Session } from "../session.ts";
import { Tick } from "../tick.ts";
import { TokenBucket } from "../token-bucket.ts";
import { toWireError } from "../wire-error.ts";
import { type IncomingPost, readPost } from "./post-check.ts";
import type { Posting } from "./posting.ts";

type PostResult = PushBody<"post.results">["results"][number];

export interface PostIntakeOptions {
  readonly session: Session;
  readonly posting: Posting;
  readonly clock: Clock;
  readonly bounds: Pick<RegistryBounds, "postsPerSecond" | "postsBurst" | "postsPending">;
  readonly counters: NodeCounters;
  readonly onError: (error: unknown) => void;
}

/** Room for the errors of one push; it fits into one control message. */
const resultsPerPush = 128;

/**
 * The posts that one session's device sends, in their order: one beyond the rate waits and holds up those behind it. What
 * became of them is told at the end of the event loop's turn.
 */
export class PostIntake {
  readonly #options: PostIntakeOptions;
  readonly #bucket: TokenBucket;
  readonly #flush: Tick;
  /** Of an open session: what its member may post, from all its devices. */
  share: MemberShare | undefined;
  #waiting: IncomingPost[] = [];
  #results: PostResult[] = [];
  #storing = 0;
  #working = false;
  #pause: Timer | undefined;
  #closed = false;

  constructor(options: PostIntakeOptions) {
    this.#options = options;
    const { bounds, clock } = options;
    this.#bucket = new TokenBucket(bounds.postsPerSecond, bounds.postsBurst, clock.monotonic());
    this.#flush = new Tick(
      (run) => clock.soon(run),
      () => this.sendResults(),
    );
  }

  get isBusy(): boolean {
    return this.#storing > 0;
  }

  take(bytes: Uint8Array): void {
    const { bounds, onError } = this.#options;
    try {
      const post = readPost(bytes);
      if ("error" in post) this.#refuse(post, post.error);
      else if (this.#waiting.length + this.#storing >= bounds.postsPending) {
        this.share?.countRefused();
        this.#refuse(post, new ParleyError("rate_limited"));
      } else {
        this.#waiting.push(post);
        this.#work();
      }
    } catch (error) {
      onError(error);
    }
  }

  /** Says what is known by now. */
  sendResults(): void {
    const results = this.#results;
    this.#results = [];
    for (let from = 0; from < results.length; from += resultsPerPush)
      this.#options.session.push("post.results", { results: results.slice(from, from + resultsPerPush) });
  }

  /** What waits is not taken any more; its author sends it again in another session. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#pause?.cancel();
  }

  #work(): void {
    if (this.#working || this.#pause !== undefined) return;
    this.#working = true;
    this.#takeAll()
      .catch(this.#options.onError)
      .finally(() => {
        this.#working = false;
        if (this.#waiting.length > 0) this.#work();
      });
  }

  async #takeAll(): Promise<void> {
    const { clock, session, posting } = this.#options;
    while (this.#waiting.length > 0 && !this.#closed) {
      const now = clock.monotonic();
      const wait = Math.max(this.#bucket.waitMs(now), this.share?.posts.waitMs(now) ?? 0);
      if (wait > 0) return this.#rest(wait);
      this.#bucket.take(now);
      this.share?.posts.take(now);
      const post = this.#waiting.shift();
      if (post === undefined || session.identity === undefined) return;
      const late = posting.admit(post, session.identity);
      if (late instanceof ParleyError) this.#refuse(post, late);
      else if (late === undefined) this.#store(post);
      // What the node does not know of yet is looked up before anything behind it is taken.
      else await late.then(() => this.#store(post)).catch((error: unknown) => this.#refuse(post, toParleyError(error)));
    }
  }

  #rest(ms: number): void {
    this.#pause = this.#options.clock.setTimer(ms, () => {
      this.#pause = undefined;
      this.#work();
    });
  }

  /** Several are on their way to the store at once; the store keeps their order. */
  #store(post: IncomingPost): void {
    const { posting } = this.#options;
    const { channel, id } = post;
    this.#storing++;
    posting
      .append(post)
      .then(({ offset, at }) => this.#result({ channel, id, offset, ...(at === undefined ? {} : { at }) }))
      .catch((error: unknown) => this.#refuse(post, toParleyError(error)))
      .finally(() => this.#storing--);
  }

  #refuse({ channel, id }: Pick<IncomingPost, "channel" | "id">, error: ParleyError): void {
    this.#options.counters.postRefused(error.code);
    this.#result({ channel, id, error: toWireError(error) });
  }

  #result(result: PostResult): void {
    this.#results.push(result);
    this.#flush.schedule();
  }
}
