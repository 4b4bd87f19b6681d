import type { Retention } from "@parley/protocol";
import { z } from "zod";

/** Posts that lie one after the other, counted together. */
const spanSchema = z.object({
  first: z.int().min(1),
  last: z.int().min(1),
  posts: z.int().min(1),
  bytes: z.int().min(0),
  /** Registry time of the first and of the last one. */
  from: z.int().min(0),
  to: z.int().min(0),
});
export type PostSpan = z.infer<typeof spanSchema>;

/** A `channel-kept/` record: counts up to an offset, so that a start does not count everything anew. */
export const keptPostsSchema = z.object({ counted: z.int().min(0), spans: z.array(spanSchema) });
export type StoredKeptPosts = z.infer<typeof keptPostsSchema>;

export interface CountedPost {
  readonly offset: number;
  readonly bytes: number;
  readonly at: number;
}

/** A span is at most such a part of what is kept. */
const spansOfAll = 256;

/** How much a channel keeps, in spans small enough that the oldest can be dropped bit by bit, and few enough to remember. */
export class KeptPosts {
  readonly #spans: PostSpan[];
  #counted: number;
  #posts = 0;
  #bytes = 0;

  constructor({ counted, spans }: StoredKeptPosts = { counted: 0, spans: [] }) {
    this.#counted = counted;
    this.#spans = [...spans];
    for (const { posts, bytes } of spans) this.#sum(posts, bytes);
  }

  /** Offset up to which everything is counted. */
  get counted(): number {
    return this.#counted;
  }

  get posts(): number {
    return this.#posts;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** As it is kept in a record. */
  get stored(): StoredKeptPosts {
    return { counted: this.#counted, spans: this.#spans };
  }

  /** Counts a post that follows those counted. */
  add({ offset, bytes, at }: CountedPost, retention: Retention): void {
    this.#counted = offset;
    this.#sum(1, bytes);
    const span = this.#spans.at(-1);
    const grown = span && { ...span, last: offset, posts: span.posts + 1, bytes: span.bytes + bytes, to: at };
    const fits =
      grown !== undefined &&
      grown.posts <= Math.max(1, retention.posts / spansOfAll) &&
      grown.bytes <= retention.bytes / spansOfAll &&
      grown.to - grown.from <= retention.ageMs / spansOfAll;
    if (fits) this.#spans[this.#spans.length - 1] = grown;
    else this.#spans.push({ first: offset, last: offset, posts: 1, bytes, from: at, to: at });
  }

  /** The span at the head, if some of it is to go. */
  over(retention: Retention, now: number): PostSpan | undefined {
    const head = this.#spans[0];
    return head !== undefined && this.#isOver(retention, now, head.from) ? head : undefined;
  }

  /** Offset of the last of these that is to go: the posts of the head span, oldest first. */
  cut(posts: readonly CountedPost[], retention: Retention, now: number): number | undefined {
    let cut: number | undefined;
    for (const { offset, bytes, at } of posts) {
      if (!this.#isOver(retention, now, at)) {
        const head = this.#spans[0];
        if (head !== undefined && cut !== undefined) this.#spans[0] = { ...head, from: at };
        return cut;
      }
      cut = offset;
      this.#takeFromHead(offset, bytes);
    }
    return cut;
  }

  /** Everything before an offset is gone, whoever dropped it. */
  trimmed(first: number): void {
    for (let head = this.#spans[0]; head !== undefined && head.last < first; head = this.#spans[0]) {
      this.#spans.shift();
      this.#sum(-head.posts, -head.bytes);
    }
    this.#counted = Math.max(this.#counted, first - 1);
  }

  #takeFromHead(offset: number, bytes: number): void {
    const head = this.#spans[0];
    if (head === undefined) return;
    this.#sum(-1, -bytes);
    if (head.posts === 1) this.#spans.shift();
    else this.#spans[0] = { ...head, first: offset + 1, posts: head.posts - 1, bytes: head.bytes - bytes };
  }

  #isOver(retention: Retention, now: number, at: number): boolean {
    return this.#posts > retention.posts || this.#bytes > retention.bytes || at < now - retention.ageMs;
  }

  #sum(posts: number, bytes: number): void {
    this.#posts += posts;
    this.#bytes += bytes;
  }
}
