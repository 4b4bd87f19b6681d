import { type Log, openMemoryStores, type Stores } from "@parley/core";
import { decodePostBatch, encodePostBatch, ParleyError } from "@parley/protocol";
import { FakeClock, SeededRandom } from "@parley/testkit";
import { beforeEach, describe, expect, it } from "vitest";

import { ChannelFeed, type FeedReader } from "../../src/channels/channel-feed.ts";
import { ChannelLog } from "../../src/channels/channel-log.ts";
import { PostBatches } from "../../src/channels/post-batches.ts";
import { NodeCounters } from "../../src/node-counters.ts";

const channel = "A".repeat(43);
const other = "E".repeat(43);
const bounds = {
  postsPerBatch: 8,
  postBatchBytes: 4096,
  feedCacheBytes: 65_536,
  feedAheadBytes: 1000,
  feedPagesPerTurn: 2,
};

/** A reader whose socket is emptied when the test says so. */
class FakeReader implements FeedReader {
  readonly batches: Uint8Array[] = [];
  bufferedBytes = 0;
  /** Adds what is delivered to the buffer. */
  isStuck = false;
  #drained: (() => void)[] = [];

  deliver(bytes: Uint8Array): void {
    this.batches.push(bytes);
    if (this.isStuck) this.bufferedBytes += bytes.length;
  }

  onceDrained(run: () => void): void {
    this.#drained.push(run);
  }

  get waits(): number {
    return this.#drained.length;
  }

  drain(): void {
    this.bufferedBytes = 0;
    for (const run of this.#drained.splice(0)) run();
  }

  /** Offsets of one channel, and whether the batches follow each other from there. */
  got(from: string, after = 0): { offsets: number[]; chained: boolean } {
    const offsets: number[] = [];
    let last = after;
    let chained = true;
    for (const bytes of this.batches) {
      const batch = decodePostBatch(bytes);
      if (!batch.ok) throw new Error(batch.message);
      if (batch.value.channel !== from) continue;
      chained &&= batch.value.previous === last;
      offsets.push(...batch.value.posts.map(({ offset }) => offset));
      last = offsets.at(-1) ?? last;
    }
    return { offsets, chained };
  }
}

let stores: Stores;
let log: ChannelLog;
let counters: NodeCounters;
let errors: unknown[];
let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
  stores = openMemoryStores({ clock, faults: { random: new SeededRandom(3), offsetGaps: true } });
  log = new ChannelLog(stores.log, () => clock.now());
  errors = [];
});

function makeFeed(node = "n1", change: Partial<typeof bounds> = {}): ChannelFeed {
  counters = new NodeCounters();
  const own = { ...bounds, ...change };
  const batches = new PostBatches({ log, bounds: own, counters });
  const onError = (error: unknown): void => void errors.push(error);
  return new ChannelFeed({ log, batches, bus: stores.bus, clock, node, bounds: own, counters, onError });
}

let posts = 0;
async function post(feed: ChannelFeed | undefined, count: number, to = channel, bytes = 10): Promise<number[]> {
  const offsets: number[] = [];
  for (let index = 0; index < count; index++) {
    offsets.push((await log.append(to, new Uint8Array(bytes).fill(65), `p${posts++}`)).offset);
    feed?.posted(to);
  }
  return offsets;
}

const follow = async (feed: ChannelFeed, reader: FeedReader, after = 0, of = channel): Promise<void> =>
  feed.follow(reader, of, after, await log.bounds(of));

async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Until nothing moves any more. */
async function settle(): Promise<void> {
  await pass(400);
  expect(errors).toEqual([]);
}

/** A log that cannot be read while `isBroken` says so. */
const breakable = (store: Log, isBroken: () => boolean): Log => ({
  append: (...wanted) => store.append(...wanted),
  read: (...wanted) => (isBroken() ? Promise.reject(new ParleyError("storage_unavailable")) : store.read(...wanted)),
  trim: (...wanted) => store.trim(...wanted),
  bounds: (...wanted) => store.bounds(...wanted),
  remove: (...wanted) => store.remove(...wanted),
  streams: (...wanted) => store.streams(...wanted),
  newEpoch: () => store.newEpoch(),
});

describe("the feed of a channel", () => {
  it("gives everybody who stands at the same place the same buffer, read once", async () => {
    const feed = makeFeed();
    const readers = Array.from({ length: 5 }, () => new FakeReader());
    for (const reader of readers) await follow(feed, reader);
    const offsets = await post(feed, 5);
    await settle();
    for (const reader of readers) expect(reader.got(channel)).toEqual({ offsets, chained: true });
    const [first, ...rest] = readers;
    for (const reader of rest) expect(reader.batches[0]).toBe(first?.batches[0]);
    expect(counters.postsDelivered).toBe(25);
    expect(counters.postPagesRead).toBeLessThanOrEqual(5);
  });

  it("brings newcomers up to the others, from wherever they begin, with nothing missing and nothing twice", async () => {
    const feed = makeFeed();
    const offsets = await post(undefined, 50);
    const readers: { reader: FakeReader; from: number }[] = [];
    for (let from = 0; from < 50; from += 7) {
      const reader = new FakeReader();
      readers.push({ reader, from });
      await follow(feed, reader, offsets[from - 1] ?? 0);
      offsets.push(...(await post(feed, 3)));
    }
    offsets.push(...(await post(feed, 20)));
    await settle();
    for (const { reader, from } of readers)
      expect(reader.got(channel, offsets[from - 1] ?? 0)).toEqual({ offsets: offsets.slice(from), chained: true });
  });

  it("leaves a slow reader behind, and the others notice nothing", async () => {
    const feed = makeFeed();
    const [slow, quick] = [new FakeReader(), new FakeReader()];
    slow.isStuck = true;
    for (const reader of [slow, quick]) await follow(feed, reader);
    const offsets: number[] = [];
    for (let round = 0; round < 20; round++) {
      offsets.push(...(await post(feed, 10, channel, 100)));
      await settle();
    }
    expect(quick.got(channel)).toEqual({ offsets, chained: true });
    // One batch more than what may lie in its buffer, at most.
    expect(slow.bufferedBytes).toBeLessThan(bounds.feedAheadBytes + bounds.postBatchBytes + 200);
    expect(counters.followersBehind).toBe(1);
    for (let time = 0; slow.got(channel).offsets.length < offsets.length; time++) {
      expect(time).toBeLessThan(offsets.length);
      expect(slow.waits).toBe(1);
      slow.drain();
      await settle();
    }
    expect(slow.got(channel)).toEqual({ offsets, chained: true });
    slow.isStuck = false;
    slow.drain();
    const more = await post(feed, 3);
    await settle();
    expect(slow.got(channel).offsets.slice(-3)).toEqual(more);
  });

  it("brings a reader forward in all its channels by turns", async () => {
    const feed = makeFeed();
    await post(undefined, 40, channel);
    await post(undefined, 40, other);
    const reader = new FakeReader();
    await follow(feed, reader, 0, channel);
    await follow(feed, reader, 0, other);
    await settle();
    const order = reader.batches.map((bytes) => {
      const batch = decodePostBatch(bytes);
      return batch.ok ? batch.value.channel : "";
    });
    expect(order.slice(0, 6)).toEqual([channel, other, channel, other, channel, other]);
  });

  it("shows a gap where posts were dropped before a reader came to them", async () => {
    const feed = makeFeed();
    const offsets = await post(undefined, 30);
    await log.trim(channel, offsets[19] ?? 0);
    const reader = new FakeReader();
    await follow(feed, reader, offsets[4]);
    await settle();
    const { offsets: got, chained } = reader.got(channel, offsets[4]);
    expect([got, chained]).toEqual([offsets.slice(20), false]);
  });

  it("goes on when everything up to the last was dropped", async () => {
    const feed = makeFeed();
    const offsets = await post(undefined, 10);
    const [early, late] = [new FakeReader(), new FakeReader()];
    await follow(feed, late, offsets.at(-1));
    await log.trim(channel, offsets.at(-1) ?? 0);
    await follow(feed, early, offsets[2]);
    await settle();
    const more = await post(feed, 3);
    await settle();
    expect(early.got(channel).offsets).toEqual(more);
    expect(late.got(channel, offsets.at(-1))).toEqual({ offsets: more, chained: true });
  });

  it("ends at once, begins again, and forgets who is gone", async () => {
    const feed = makeFeed();
    const reader = new FakeReader();
    const offsets = await post(undefined, 20);
    await follow(feed, reader);
    feed.unfollow(reader, channel);
    await settle();
    expect(reader.batches).toEqual([]);
    await follow(feed, reader);
    await follow(feed, reader, offsets[9]);
    await settle();
    expect(reader.got(channel, offsets[9])).toEqual({ offsets: offsets.slice(10), chained: true });
    expect(feed.size).toBe(1);
    feed.remove(reader);
    expect(feed.size).toBe(0);
    await post(feed, 1);
    await settle();
    expect(reader.got(channel, offsets[9]).offsets).toHaveLength(10);
  });

  it("hears of what other nodes appended, and finds it without a word in time", async () => {
    const [here, there] = [makeFeed("n1"), makeFeed("n2")];
    const { signal } = new AbortController();
    for (const feed of [here, there]) await feed.open(signal);
    const reader = new FakeReader();
    await follow(here, reader);
    const offsets = await post(there, 3);
    await settle();
    expect(reader.got(channel)).toEqual({ offsets, chained: true });
    offsets.push(...(await post(undefined, 2)));
    await settle();
    expect(reader.got(channel).offsets).toHaveLength(3);
    await here.sweep();
    await settle();
    expect(reader.got(channel)).toEqual({ offsets, chained: true });
  });

  it("asks a store that does not answer again after a while, for those who are behind and for all", async () => {
    let isBroken = false;
    log = new ChannelLog(
      breakable(stores.log, () => isBroken),
      () => clock.now(),
    );
    const feed = makeFeed();
    const offsets = await post(undefined, 5);
    const [behind, live] = [new FakeReader(), new FakeReader()];
    await follow(feed, live, offsets.at(-1));
    isBroken = true;
    await follow(feed, behind);
    const news = await post(feed, 1);
    await pass(200);
    expect(errors.length).toBeLessThan(5);
    isBroken = false;
    await pass(200);
    expect([behind.batches, live.batches]).toEqual([[], []]);
    clock.advance(1000);
    await pass(200);
    expect(behind.got(channel)).toEqual({ offsets: [...offsets, ...news], chained: true });
    expect(live.got(channel, offsets.at(-1))).toEqual({ offsets: news, chained: true });
  });

  it("waits once for a full socket, however often its reader begins again", async () => {
    const feed = makeFeed();
    const reader = new FakeReader();
    const offsets = await post(undefined, 20);
    reader.bufferedBytes = bounds.feedAheadBytes + 1;
    for (let time = 0; time < 20; time++) {
      await follow(feed, reader);
      await pass(3);
      feed.unfollow(reader, channel);
    }
    await follow(feed, reader);
    await pass(3);
    expect(reader.waits).toBe(1);
    reader.drain();
    await settle();
    expect(reader.got(channel)).toEqual({ offsets, chained: true });
  });

  it("does not keep a reader that what it was given was too much for", async () => {
    const feed = makeFeed();
    await post(undefined, 3);
    const [reader, another] = [new FakeReader(), new FakeReader()];
    reader.deliver = () => feed.remove(reader);
    for (const each of [another, reader]) await follow(feed, each);
    await settle();
    expect(feed.size).toBe(1);
    const given = counters.postsDelivered;
    await post(feed, 1);
    await settle();
    expect(counters.postsDelivered - given).toBe(1);
  });

  it("survives whatever readers and authors do at the same time", async () => {
    const random = new SeededRandom(11);
    const pick = (below: number): number => (random.bytes(1)[0] ?? 0) % below;
    const feed = makeFeed("n1", { feedCacheBytes: 2000 });
    const offsets: number[] = [];
    const readers = Array.from({ length: 6 }, () => ({ reader: new FakeReader(), after: -1 }));
    for (let step = 0; step < 600; step++) {
      const one = readers[pick(readers.length)];
      if (one === undefined) continue;
      const what = pick(6);
      if (what < 2) offsets.push(...(await post(feed, 1 + pick(12))));
      else if (what === 2) {
        const after = offsets[pick(Math.max(1, offsets.length))] ?? 0;
        one.reader = new FakeReader();
        one.reader.isStuck = pick(2) === 0;
        one.after = after;
        for (const { reader } of readers) if (reader === one.reader) await follow(feed, reader, after);
      } else if (what === 3) one.reader.drain();
      else if (what === 4 && pick(4) === 0) {
        feed.remove(one.reader);
        one.after = -1;
      } else await new Promise<void>((resolve) => setImmediate(resolve));
    }
    for (const { reader } of readers) reader.isStuck = false;
    for (let turn = 0; turn < 20; turn++) {
      for (const { reader } of readers) reader.drain();
      await settle();
    }
    for (const { reader, after } of readers) {
      if (after === -1) continue;
      const expected = offsets.filter((offset) => offset > after);
      expect(reader.got(channel, after)).toEqual({ offsets: expected, chained: true });
    }
  });
});

describe("batches", () => {
  it("are forgotten beyond so many bytes, the longest unused first", async () => {
    counters = new NodeCounters();
    const one = encodePostBatch({ channel, epoch: "e".repeat(22), previous: 0, posts: [] }).buffer.byteLength;
    const batches = new PostBatches({
      log,
      bounds: { ...bounds, postsPerBatch: 1, feedCacheBytes: one * 4 },
      counters,
    });
    const offsets = await post(undefined, 20);
    const { epoch } = await log.bounds(channel);
    for (const offset of [0, ...offsets.slice(0, 10)]) await batches.after(channel, epoch, offset);
    const read = counters.postPagesRead;
    await batches.after(channel, epoch, offsets[9] ?? 0);
    expect(counters.postPagesRead).toBe(read);
    await batches.after(channel, epoch, 0);
    expect(counters.postPagesRead).toBe(read + 1);
  });

  it("are read once for all who ask at the same time", async () => {
    counters = new NodeCounters();
    await post(undefined, 3);
    const batches = new PostBatches({ log, bounds, counters });
    const { epoch } = await log.bounds(channel);
    await Promise.all(Array.from({ length: 10 }, async () => batches.after(channel, epoch, 0)));
    expect(counters.postPagesRead).toBe(1);
  });
});
