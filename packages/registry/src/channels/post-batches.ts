import { encodePostBatch } from "@parley/protocol";

import type { RegistryBounds } from "../bounds.ts";
import type { NodeCounters } from "../node-counters.ts";
import type { ChannelLog } from "./channel-log.ts";

/** Posts that follow an offset without a gap, as they go over the wire: the same bytes to everybody who stands there. */
export interface PostBatchBytes {
  /** Offset of the last of them; without any, that up to which none is kept. */
  readonly last: number;
  /** How many; with 0 there are no bytes. */
  readonly posts: number;
  readonly bytes: Uint8Array;
  /** Whether nothing was kept after them when they were read; false if that was some time ago. */
  readonly complete: boolean;
}

export interface PostBatchesOptions {
  readonly log: ChannelLog;
  readonly bounds: Pick<RegistryBounds, "postsPerBatch" | "postBatchBytes" | "feedCacheBytes">;
  readonly counters: NodeCounters;
}

/** Reads batches of posts, each once for all who come by the same place while it is remembered. */
export class PostBatches {
  readonly #options: PostBatchesOptions;
  /** In order of use, the longest unused first. */
  readonly #known = new Map<string, PostBatchBytes>();
  readonly #reading = new Map<string, Promise<PostBatchBytes>>();
  #bytes = 0;

  constructor(options: PostBatchesOptions) {
    this.#options = options;
  }

  /** The posts after an offset. A gap before them shows in what they say came before. */
  after(channel: string, epoch: string, offset: number): PostBatchBytes | Promise<PostBatchBytes> {
    const key = `${channel} ${epoch} ${offset}`;
    const known = this.#known.get(key);
    if (known === undefined) return this.#readOnce(key, channel, offset);
    this.#options.counters.postPagesShared++;
    this.#known.delete(key);
    this.#known.set(key, known);
    return known;
  }

  #readOnce(key: string, channel: string, offset: number): Promise<PostBatchBytes> {
    const reading = this.#reading.get(key);
    if (reading === undefined) return this.#read(key, channel, offset);
    // What a read that began earlier did not find may be there by now.
    return reading.then((batch) =>
      batch.posts === 0 ? this.#read(key, channel, offset) : { ...batch, complete: false },
    );
  }

  #read(key: string, channel: string, offset: number): Promise<PostBatchBytes> {
    const read = this.#readNow(key, channel, offset).finally(() => {
      if (this.#reading.get(key) === read) this.#reading.delete(key);
    });
    this.#reading.set(key, read);
    return read;
  }

  async #readNow(key: string, channel: string, offset: number): Promise<PostBatchBytes> {
    const { log, bounds, counters } = this.#options;
    const most = { posts: bounds.postsPerBatch, bytes: bounds.postBatchBytes };
    const page = await log.forward(channel, offset + 1, most);
    const { epoch, first, posts, complete } = page;
    const last = posts.at(-1);
    if (last === undefined) return { last: Math.max(offset, page.last), posts: 0, bytes: nothing, complete };
    counters.postPagesRead++;
    // What lay between was dropped: whoever stands there sees that something is missing.
    const previous = first > offset + 1 ? first - 1 : offset;
    const view = encodePostBatch({ channel, epoch, previous, posts });
    const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
    const batch = { last: last.offset, posts: posts.length, bytes, complete };
    this.#remember(key, { ...batch, complete: false });
    return batch;
  }

  #remember(key: string, batch: PostBatchBytes): void {
    const before = this.#known.get(key);
    if (before !== undefined) this.#bytes -= before.bytes.buffer.byteLength;
    this.#known.set(key, batch);
    this.#bytes += batch.bytes.buffer.byteLength;
    for (const [oldest, { bytes }] of this.#known) {
      if (this.#bytes <= this.#options.bounds.feedCacheBytes) return;
      this.#known.delete(oldest);
      this.#bytes -= bytes.buffer.byteLength;
    }
  }
}

const nothing = new Uint8Array();
