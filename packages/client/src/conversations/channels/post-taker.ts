/** Takes posts of one channel into the archive, in order: verified ahead of that, several at once. */
import type { ArchiveChange } from "@parley/core";

import type { ConversationLog } from "../conversation-log.ts";
import type { PostChanges } from "./post-changes.ts";
import type { PlacedPost, PostReader, ReadPost } from "./post-reader.ts";

export interface PostTakerOptions {
  readonly channel: string;
  readonly reader: Pick<PostReader, "read">;
  readonly changes: Pick<PostChanges, "of" | "settle">;
  readonly log: Pick<ConversationLog, "apply">;
  /** Of this device: its posts come back to it. */
  readonly device: string;
  readonly onEcho: (channel: string, id: string, post: PlacedPost) => void;
}

/** Posts that are being verified at once. */
const mostAhead = 32;
/** Posts whose changes are applied together. */
const postsPerCommit = 128;

export class PostTaker {
  readonly #options: PostTakerOptions;

  constructor(options: PostTakerOptions) {
    this.#options = options;
  }

  /**
   * Takes posts; `sortOf` orders them in the archive, `onTaken` hears how far it is durable. Rejects at the first that cannot be
   * judged now, or written; what was before it is taken.
   */
  async take(
    posts: readonly PlacedPost[],
    sortOf: (offset: number) => number,
    onTaken: (offset: number) => void,
  ): Promise<void> {
    const ahead: Promise<ReadPost>[] = [];
    let next = 0;
    let done = 0;
    while (done < posts.length) {
      const group: ReadPost[] = [];
      const changes: ArchiveChange[] = [];
      let epoch: number | undefined;
      let failed: { readonly error: unknown } | undefined;
      try {
        while (done < posts.length && group.length < postsPerCommit) {
          while (ahead.length < mostAhead && next < posts.length) ahead.push(this.#read(posts[next++]));
          const read = await ahead[0];
          // The keys of a past epoch go: what they opened is in the archive first.
          if (read === undefined || (epoch !== undefined && epoch !== (epochOf(read) ?? epoch))) break;
          epoch ??= epochOf(read);
          void ahead.shift();
          done++;
          const change = await this.#options.changes.of(read, sortOf(read.post.offset));
          if (change !== undefined) changes.push(change);
          group.push(read);
        }
      } catch (error) {
        failed = { error };
      }
      await this.#commit(changes);
      const last = group.at(-1);
      if (last !== undefined) onTaken(last.post.offset);
      for (const each of group) this.#echo(each);
      if (failed !== undefined) throw failed.error;
    }
  }

  #read(post: PlacedPost | undefined): Promise<ReadPost> | Promise<never> {
    const { reader, channel } = this.#options;
    const read = post === undefined ? Promise.reject(new RangeError("no post")) : reader.read(channel, post);
    // Whoever comes to it in turn learns of it.
    read.catch(() => undefined);
    return read;
  }

  async #commit(changes: readonly ArchiveChange[]): Promise<void> {
    const { log, changes: memory } = this.#options;
    const written = await Promise.allSettled(changes.map((change) => log.apply(change)));
    const failed = written.find((result) => result.status === "rejected");
    await memory.settle(failed === undefined);
    if (failed !== undefined) throw failed.reason;
  }

  #echo(read: ReadPost): void {
    if (read.kind === "unreadable") return;
    const [device, id] = read.kind === "known" ? [read.device, read.id] : [read.device, read.said.id];
    if (device === this.#options.device) this.#options.onEcho(this.#options.channel, id, read.post);
  }
}

const epochOf = (read: ReadPost): number | undefined =>
  read.kind === "signed" ? read.said.encrypted?.epoch : undefined;
