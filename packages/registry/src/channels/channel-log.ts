import type { Log, LogBounds, LogEntry } from "@parley/core";
import { limits, type StoredPost } from "@parley/protocol";

import { keys } from "../keys.ts";
import { decodePostEntry, encodePostEntry } from "./post-entry.ts";

/** Posts that follow each other without a gap, and where the log stands. */
export interface PostPage extends LogBounds {
  readonly posts: readonly StoredPost[];
  /** Whether the page reaches what it was asked for up to. */
  readonly complete: boolean;
  /** Where the next page begins. */
  readonly next: number;
}

export interface PageLimits {
  readonly posts: number;
  /** Bytes of statements; one post is given however large. */
  readonly bytes: number;
}

/** Where a post came to lie. */
export interface PostPlace {
  readonly offset: number;
  /** Absent for one that was posted before and is not kept any more. */
  readonly at: number | undefined;
  readonly duplicate: boolean;
}

/** Entries looked at in one step back. */
const entriesPerStep = 512;
/** Each step back goes so many times as far as the one before. */
const strideGrowth = 4;

/** The posts of channels, each in a log of its own. */
export class ChannelLog {
  readonly #log: Log;
  readonly #now: () => number;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  bounds(channel: string): Promise<LogBounds> {
    return this.#log.bounds(keys.channel(channel));
  }

  /** Keeps a post; durable when resolved. The same key again is the same post. */
  async append(channel: string, statement: Uint8Array, dedupeKey: string): Promise<PostPlace> {
    const at = this.#now();
    const { offset, duplicate } = await this.#log.append(keys.channel(channel), encodePostEntry(at, statement), {
      dedupeKey,
    });
    if (!duplicate) return { offset, at, duplicate };
    const { posts } = await this.forward(channel, offset, { posts: 1, bytes: 1 });
    return { offset, at: posts[0]?.offset === offset ? posts[0].at : undefined, duplicate };
  }

  /** Posts from an offset on, and before another one if it is given. */
  async forward(channel: string, from: number, most: PageLimits, before?: number): Promise<PostPage> {
    const page = await this.#log.read(keys.channel(channel), {
      from: Math.max(1, from),
      limit: most.posts,
      maxBytes: Math.max(1, most.bytes),
    });
    const inRange = before === undefined ? page.entries : page.entries.filter(({ offset }) => offset < before);
    const complete = page.complete || inRange.length < page.entries.length || page.next >= (before ?? Infinity);
    return { ...boundsOf(page), posts: decode(inRange), complete, next: page.next };
  }

  /**
   * The last posts before an offset, in order. Offsets are not dense, so that nobody knows where those begin: it goes back
   * in growing strides, and halves the last one when that held too much. It looks at no more than it must, however long the log is.
   */
  async backward(channel: string, before: number, floor: number, most: PageLimits): Promise<PostPage> {
    const bounds = await this.bounds(channel);
    const lowest = Math.max(1, floor, bounds.first);
    const end = Math.min(before, bounds.last + 1);
    let posts: StoredPost[] = [];
    let top = end;
    let stride = most.posts;
    while (top > lowest && !isFull(posts, most)) {
      const bottom = Math.max(lowest, top - stride);
      const { found, from } = await this.#lastOf(channel, bottom, top);
      posts = [...found, ...posts];
      top = from;
      stride = from > bottom ? most.posts : stride * strideGrowth;
    }
    const kept = newest(posts, most);
    return { ...bounds, posts: kept, complete: top <= lowest && kept.length === posts.length, next: end };
  }

  /** The last entries of a range that fit into one read, and where those begin: nothing lies between there and the end but them. */
  async #lastOf(channel: string, bottom: number, top: number): Promise<{ found: StoredPost[]; from: number }> {
    let from = bottom;
    for (;;) {
      const page = await this.forward(channel, from, { posts: entriesPerStep, bytes: limits.statementBytes * 8 }, top);
      if (page.complete || page.posts.length === 0) return { found: [...page.posts], from };
      // The page ends before the top: what is wanted lies behind it.
      from = Math.max(page.next, from + Math.floor((top - from) / 2));
    }
  }

  /** Drops everything up to and including an offset. */
  trim(channel: string, upTo: number): Promise<LogBounds> {
    return this.#log.trim(keys.channel(channel), upTo);
  }
}

function boundsOf({ epoch, first, last }: LogBounds): LogBounds {
  return { epoch, first, last };
}

function decode(entries: readonly LogEntry[]): StoredPost[] {
  return entries.map(({ offset, bytes }) => decodePostEntry(offset, bytes));
}

const bytesOf = (posts: readonly StoredPost[]): number =>
  posts.reduce((sum, { statement }) => sum + statement.length, 0);

const isFull = (posts: readonly StoredPost[], most: PageLimits): boolean =>
  posts.length >= most.posts || bytesOf(posts) >= most.bytes;

/** The last of these that fit, at least one. */
function newest(posts: readonly StoredPost[], most: PageLimits): StoredPost[] {
  let bytes = 0;
  let from = posts.length;
  while (from > 0 && posts.length - from < most.posts) {
    bytes += posts[from - 1]?.statement.length ?? 0;
    if (bytes > most.bytes && from < posts.length) break;
    from--;
  }
  return posts.slice(from);
}
