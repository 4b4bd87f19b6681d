import { type Log, openMemoryStores, systemClock } from "@parley/core";
import { SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { ChannelLog } from "../../src/channels/channel-log.ts";
import { decodePostEntry, encodePostEntry } from "../../src/channels/post-entry.ts";

const channel = "c1";
const most = { posts: 100, bytes: 100_000 };
const statement = new Uint8Array(100);

/** Counts the entries that reads give. */
function counting(log: Log): { log: Log; read: () => number } {
  let entries = 0;
  const read: Log["read"] = async (stream, options) => {
    const page = await log.read(stream, options);
    entries += page.entries.length;
    return page;
  };
  const counted = new Proxy(log, {
    get: (target, name) => {
      if (name === "read") return read;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { log: counted, read: () => entries };
}

function open(offsetGaps = false): { channelLog: ChannelLog; log: Log; read: () => number } {
  const faults = offsetGaps ? { faults: { random: new SeededRandom(7), offsetGaps: true } } : {};
  const stores = openMemoryStores({ clock: systemClock, ...faults });
  const { log, read } = counting(stores.log);
  return { channelLog: new ChannelLog(log, () => 5), log, read };
}

async function fill(log: ChannelLog, count: number, prefix = "p"): Promise<number[]> {
  const places = await Promise.all(
    Array.from({ length: count }, (_, index) => log.append(channel, statement, `${prefix}${index}`)),
  );
  return places.map(({ offset }) => offset);
}

describe("the log of a channel", () => {
  it("gives a post back with its time, and the place of one that it has already", async () => {
    const { channelLog } = open();
    const first = await channelLog.append(channel, statement, "d.1");
    expect(first).toEqual({ offset: 1, at: 5, duplicate: false });
    expect(await channelLog.append(channel, statement, "d.1")).toEqual({ offset: 1, at: 5, duplicate: true });
    await channelLog.trim(channel, 1);
    expect(await channelLog.append(channel, statement, "d.1")).toEqual({ offset: 1, at: undefined, duplicate: true });
  });

  it.each([0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 47])("keeps a time of %i in an entry", (at) => {
    expect(decodePostEntry(7, encodePostEntry(at, statement))).toEqual({ offset: 7, at, statement });
  });

  it.each([
    [100, false],
    [1000, false],
    [10_000, false],
    [1000, true],
    [10_000, true],
  ])("reads the last page of %i posts at the cost of a page, with gaps: %s", async (count, gaps) => {
    const { channelLog, read } = open(gaps);
    const offsets = await fill(channelLog, count);
    const page = await channelLog.backward(channel, Number.MAX_SAFE_INTEGER, 1, most);
    expect(page.posts.map(({ offset }) => offset)).toEqual(offsets.slice(-100));
    expect(page.complete).toBe(count <= 100);
    expect(read()).toBeLessThanOrEqual(gaps ? 1000 : 100);
  });

  it("finds what lies far back behind a long gap, and between two", async () => {
    const { channelLog, log } = open();
    const early = await fill(channelLog, 30, "early");
    for (let index = 0; index < 5000; index++) await log.append("channel/other", statement);
    const late = await fill(channelLog, 30, "late");
    for (let index = 0; index < 3000; index++) await log.append("channel/other", statement);
    const newest = await channelLog.backward(channel, Number.MAX_SAFE_INTEGER, 1, { posts: 40, bytes: 100_000 });
    expect(newest.posts.map(({ offset }) => offset)).toEqual([...early.slice(-10), ...late]);
    const rest = await channelLog.backward(channel, newest.posts[0]?.offset ?? 0, 1, most);
    expect(rest.posts.map(({ offset }) => offset)).toEqual(early.slice(0, 20));
    expect(rest.complete).toBe(true);
  });

  it("stops at the first that is kept, at the floor, and at so many bytes", async () => {
    const { channelLog } = open();
    await fill(channelLog, 50);
    await channelLog.trim(channel, 10);
    const all = await channelLog.backward(channel, 31, 1, most);
    expect([all.posts[0]?.offset, all.posts.at(-1)?.offset, all.complete]).toEqual([11, 30, true]);
    const above = await channelLog.backward(channel, 31, 21, most);
    expect([above.posts[0]?.offset, above.posts.length, above.complete]).toEqual([21, 10, true]);
    for (const [bytes, posts] of [
      [99, 1],
      [100, 1],
      [199, 1],
      [200, 2],
    ] as const)
      expect((await channelLog.backward(channel, 31, 1, { posts: 10, bytes })).posts).toHaveLength(posts);
    expect(await channelLog.backward(channel, 5, 1, most)).toMatchObject({ posts: [], complete: true });
    expect(await channelLog.backward("empty", 5, 1, most)).toMatchObject({ posts: [], complete: true });
  });

  it("goes forward from an offset, and no further than another", async () => {
    const { channelLog } = open();
    await fill(channelLog, 50);
    const page = await channelLog.forward(channel, 10, most, 15);
    expect(page.posts.map(({ offset }) => offset)).toEqual([10, 11, 12, 13, 14]);
    expect(page.complete).toBe(true);
    const cut = await channelLog.forward(channel, 10, { posts: 3, bytes: 100_000 }, 15);
    expect([cut.posts.length, cut.complete, cut.next]).toEqual([3, false, 13]);
  });
});
