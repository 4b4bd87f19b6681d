import type { Bus, Clock, LogBounds } from "@parley/core";

import type { RegistryBounds } from "../bounds.ts";
import { keys } from "../keys.ts";
import type { NodeCounters } from "../node-counters.ts";
import { Tick } from "../tick.ts";
import type { ChannelLog } from "./channel-log.ts";
import type { PostBatchBytes, PostBatches } from "./post-batches.ts";

/** Who posts are pushed to. */
export interface FeedReader {
  /** Bytes handed over that the network has not taken yet. */
  readonly bufferedBytes: number;
  deliver(bytes: Uint8Array): void;
  /** Calls once when the buffer has emptied after it was full. */
  onceDrained(run: () => void): void;
}

export interface ChannelFeedOptions {
  readonly log: ChannelLog;
  readonly batches: PostBatches;
  readonly bus: Bus;
  readonly clock: Pick<Clock, "soon" | "setTimer">;
  /** Id of this node, by which it knows its own hints. */
  readonly node: string;
  readonly bounds: Pick<RegistryBounds, "feedAheadBytes" | "feedPagesPerTurn">;
  readonly counters: NodeCounters;
  readonly onError: (error: unknown) => void;
}

/** A channel with followers at this node. */
interface Stream {
  readonly channel: string;
  epoch: string;
  /** Offset at which everybody in `live` stands. */
  last: number;
  readonly live: Set<FeedReader>;
  readonly behind: Map<FeedReader, Standing>;
  readonly tick: Tick;
  reading: boolean;
  again: boolean;
}

/** A follower that does not stand where the live ones do. Another one replaces it when it follows again. */
interface Standing {
  offset: number;
}

/** What one reader is behind in. It stays while it waits, so that a reader waits for one thing at a time, whatever it asks for meanwhile. */
interface Backlog {
  /** Channels, the next one first. */
  readonly channels: Set<string>;
  /** A page is on its way, or its socket is too full, or the store did not answer. */
  waiting: boolean;
}

/** The store is asked again after an error. */
const againMs = 1000;

/**
 * Pushes the posts of channels to those who follow them. What comes in one turn of the event loop is read and encoded
 * once; everybody who stands before it gets the same bytes. Who reads slowly is left behind at its place and catches up
 * page by page, its channels by turns, when its socket is empty; nobody else notices.
 */
export class ChannelFeed {
  readonly #options: ChannelFeedOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #backlogs = new Map<FeedReader, Backlog>();
  /** Those that can take a page, in order of their turns. */
  readonly #ready = new Set<FeedReader>();
  readonly #following = new Map<FeedReader, Set<string>>();
  readonly #turn: Tick;
  readonly #hint: Tick;
  #hints = new Set<string>();
  #pages = 0;

  constructor(options: ChannelFeedOptions) {
    this.#options = options;
    this.#turn = new Tick(
      (run) => options.clock.soon(run),
      () => this.#takeTurns(),
    );
    this.#hint = new Tick(
      (run) => options.clock.soon(run),
      () => this.#sendHints(),
    );
  }

  /** Listens to other nodes. */
  async open(signal: AbortSignal): Promise<void> {
    const { bus, node } = this.#options;
    const prefix = keys.channel("");
    await bus.subscribe(
      `${prefix}*`,
      ({ subject, bytes }) => {
        if (new TextDecoder().decode(bytes) !== node) this.#changed(subject.slice(prefix.length));
      },
      { signal },
    );
  }

  /** Followers, each counted for each channel. */
  get size(): number {
    let size = 0;
    for (const channels of this.#following.values()) size += channels.size;
    return size;
  }

  /** Posts were appended at this node. */
  posted(channel: string): void {
    this.#changed(channel);
    this.#hints.add(channel);
    this.#hint.schedule();
  }

  /** Pushes what comes after an offset. Again for a channel begins again. */
  follow(reader: FeedReader, channel: string, after: number, { epoch, last }: LogBounds): void {
    this.unfollow(reader, channel);
    const stream = this.#stream(channel, epoch, last);
    this.#following.set(reader, (this.#following.get(reader) ?? new Set()).add(channel));
    if (after === stream.last) stream.live.add(reader);
    else this.#leaveBehind(stream, reader, after);
    if (last > stream.last) stream.tick.schedule();
  }

  /** Pushes no more of a channel from now on. */
  unfollow(reader: FeedReader, channel: string): void {
    const following = this.#following.get(reader);
    if (following?.delete(channel) !== true) return;
    if (following.size === 0) this.#following.delete(reader);
    const stream = this.#streams.get(channel);
    stream?.live.delete(reader);
    stream?.behind.delete(reader);
    if (stream !== undefined && stream.live.size === 0 && stream.behind.size === 0) this.#streams.delete(channel);
    const backlog = this.#backlogs.get(reader);
    if (backlog !== undefined) this.#caughtUp(reader, backlog, channel);
  }

  /** The reader is gone. */
  remove(reader: FeedReader): void {
    for (const channel of this.#following.get(reader) ?? []) this.unfollow(reader, channel);
    this.#backlogs.delete(reader);
  }

  /** Looks for posts whose hints were lost. */
  async sweep(): Promise<void> {
    for (const [channel, stream] of this.#streams) {
      const { epoch, last } = await this.#options.log.bounds(channel);
      stream.epoch = epoch;
      if (last > stream.last) stream.tick.schedule();
    }
  }

  #sendHints(): void {
    const { bus, node } = this.#options;
    const bytes = new TextEncoder().encode(node);
    for (const channel of this.#hints) bus.publish(keys.channel(channel), bytes);
    this.#hints = new Set();
  }

  #changed(channel: string): void {
    this.#streams.get(channel)?.tick.schedule();
  }

  #stream(channel: string, epoch: string, last: number): Stream {
    const known = this.#streams.get(channel);
    if (known !== undefined) return known;
    const stream: Stream = {
      channel,
      epoch,
      last,
      live: new Set(),
      behind: new Map(),
      tick: new Tick(
        (run) => this.#options.clock.soon(run),
        () => this.#advance(stream),
      ),
      reading: false,
      again: false,
    };
    this.#streams.set(channel, stream);
    return stream;
  }

  /** One read at a time for each channel; what comes meanwhile is read by the next. */
  #advance(stream: Stream): void {
    stream.again = true;
    if (stream.reading) return;
    stream.reading = true;
    this.#readLive(stream)
      .catch((error: unknown) => {
        this.#options.onError(error);
        this.#options.clock.setTimer(againMs, () => this.#changed(stream.channel));
      })
      .finally(() => {
        stream.reading = false;
        if (stream.again && this.#streams.get(stream.channel) === stream) stream.tick.schedule();
      });
  }

  async #readLive(stream: Stream): Promise<void> {
    stream.again = false;
    if (stream.live.size === 0) {
      const { last } = await this.#options.log.bounds(stream.channel);
      // Somebody may have caught up with the old place meanwhile.
      if (stream.live.size === 0) stream.last = Math.max(stream.last, last);
      else stream.again = true;
      return;
    }
    const before = stream.last;
    const batch = await this.#options.batches.after(stream.channel, stream.epoch, before);
    // Everybody who stood there went, and others came who stand elsewhere.
    if (stream.last !== before) stream.again = true;
    if (stream.last !== before) return;
    stream.last = batch.last;
    if (batch.posts > 0) this.#tellLive(stream, batch, before);
    if (!batch.complete) stream.again = true;
  }

  #tellLive(stream: Stream, batch: PostBatchBytes, before: number): void {
    const { feedAheadBytes } = this.#options.bounds;
    for (const reader of stream.live) {
      if (reader.bufferedBytes > feedAheadBytes) {
        stream.live.delete(reader);
        this.#options.counters.followersBehind++;
        this.#leaveBehind(stream, reader, before);
      } else this.#deliver(reader, batch);
    }
  }

  #deliver(reader: FeedReader, batch: PostBatchBytes): void {
    this.#options.counters.postsDelivered += batch.posts;
    reader.deliver(batch.bytes);
  }

  #leaveBehind(stream: Stream, reader: FeedReader, offset: number): void {
    stream.behind.set(reader, { offset });
    const backlog = this.#backlogs.get(reader) ?? { channels: new Set(), waiting: false };
    backlog.channels.add(stream.channel);
    this.#backlogs.set(reader, backlog);
    if (!backlog.waiting) this.#queue(reader);
  }

  #queue(reader: FeedReader): void {
    this.#ready.add(reader);
    this.#turn.schedule();
  }

  /** So many readers get a page each; then it is the turn of whatever else the node has to do. */
  #takeTurns(): void {
    const { feedPagesPerTurn, feedAheadBytes } = this.#options.bounds;
    for (const reader of this.#ready) {
      if (this.#pages >= feedPagesPerTurn) return;
      this.#ready.delete(reader);
      const backlog = this.#backlogs.get(reader);
      if (backlog === undefined || backlog.waiting) continue;
      backlog.waiting = true;
      if (reader.bufferedBytes > feedAheadBytes) reader.onceDrained(() => this.#next(reader, backlog));
      else this.#startPage(reader, backlog);
    }
  }

  #startPage(reader: FeedReader, backlog: Backlog): void {
    this.#pages++;
    this.#page(reader, backlog)
      .then(
        () => this.#next(reader, backlog),
        (error: unknown) => {
          this.#options.onError(error);
          this.#options.clock.setTimer(againMs, () => this.#next(reader, backlog));
        },
      )
      .finally(() => {
        this.#pages--;
        this.#turn.schedule();
      });
  }

  /** Puts a reader at the end of the row, if it is still behind. */
  #next(reader: FeedReader, backlog: Backlog): void {
    if (this.#backlogs.get(reader) !== backlog) return;
    backlog.waiting = false;
    if (backlog.channels.size > 0) this.#queue(reader);
    else this.#backlogs.delete(reader);
  }

  async #page(reader: FeedReader, backlog: Backlog): Promise<void> {
    const [channel] = backlog.channels;
    const stream = channel === undefined ? undefined : this.#streams.get(channel);
    const standing = stream?.behind.get(reader);
    if (channel === undefined || stream === undefined || standing === undefined) return;
    // By turns: it goes to the end of the reader's channels.
    backlog.channels.delete(channel);
    backlog.channels.add(channel);
    if (standing.offset !== stream.last) {
      const batch = await this.#options.batches.after(channel, stream.epoch, standing.offset);
      if (stream.behind.get(reader) !== standing) return;
      standing.offset = batch.last;
      if (batch.posts > 0) this.#deliver(reader, batch);
      // It may have been too much for it, so that it is gone.
      if (stream.behind.get(reader) !== standing) return;
    }
    if (standing.offset >= stream.last) this.#join(stream, reader, backlog, standing.offset);
  }

  /** The reader stands where the live ones do. */
  #join(stream: Stream, reader: FeedReader, backlog: Backlog, offset: number): void {
    if (offset > stream.last) {
      // It overtook the live ones: their next tick brings them here, and then it is one of them.
      if (stream.live.size > 0) return stream.tick.schedule();
      stream.last = offset;
    }
    stream.behind.delete(reader);
    stream.live.add(reader);
    this.#caughtUp(reader, backlog, stream.channel);
    // What was appended since is told to it with the others.
    stream.tick.schedule();
  }

  #caughtUp(reader: FeedReader, backlog: Backlog, channel: string): void {
    backlog.channels.delete(channel);
    if (backlog.channels.size > 0 || backlog.waiting) return;
    this.#backlogs.delete(reader);
    this.#ready.delete(reader);
  }
}
