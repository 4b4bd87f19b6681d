import { openMemoryStores } from "@parley/core";
import type { Retention } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { ChannelLog } from "../../src/channels/channel-log.ts";
import { ChannelRetention } from "../../src/channels/channel-retention.ts";
import { ChannelTable } from "../../src/channels/channel-table.ts";

const channel = "c1";
const wide: Retention = { posts: 1000, bytes: 1_000_000, ageMs: 1_000_000 };

function open(retention: Partial<Retention>, trimEveryPosts = 1_000_000) {
  const clock = new FakeClock();
  const stores = openMemoryStores({ clock });
  const log = new ChannelLog(stores.log, () => clock.now());
  const table = new ChannelTable(stores.records, { onChannel: () => undefined, onMember: () => undefined });
  let revision = 0;
  const keep = (change: Partial<Retention>): void =>
    table.apply(
      channel,
      {
        name: "c",
        kind: "public",
        encrypted: false,
        topic: "",
        history: "all",
        retention: { ...wide, ...change },
        created: 0,
      },
      ++revision,
    );
  keep(retention);
  const errors: unknown[] = [];
  const make = (): ChannelRetention =>
    new ChannelRetention({
      records: stores.records,
      log,
      table,
      now: () => clock.now(),
      bounds: { trimEveryPosts },
      onError: (error) => void errors.push(error),
    });
  let posts = 0;
  const post = async (count: number, bytes = 10, of = keeper): Promise<void> => {
    for (let index = 0; index < count; index++) {
      await log.append(channel, new Uint8Array(bytes), `p${posts++}`);
      of.appended(channel);
    }
  };
  const kept = async (): Promise<number[]> =>
    (await log.forward(channel, 1, { posts: 1000, bytes: 4_000_000 })).posts.map(({ offset }) => offset);
  const keeper = make();
  return { clock, log, keeper, make, keep, post, kept, errors };
}

const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, at) => first + at);

describe("what a channel keeps", () => {
  it.each([
    [9, from(1, 9)],
    [10, from(1, 10)],
    [11, from(2, 11)],
    [25, from(16, 25)],
  ])("of %i posts are the last 10", async (count, left) => {
    const { keeper, post, kept } = open({ posts: 10 });
    await post(count);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(left);
  });

  it.each([
    [9, from(1, 9)],
    [10, from(1, 10)],
    [11, from(2, 11)],
  ])("of %i posts of 10 bytes are the last 100 bytes", async (count, left) => {
    const { keeper, post, kept } = open({ bytes: 100 });
    await post(count);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(left);
  });

  it("is as old as it may be and no older", async () => {
    const { clock, keeper, post, kept } = open({ ageMs: 1000 });
    await post(5);
    clock.advance(600);
    await post(5);
    clock.advance(400);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(from(1, 10));
    clock.advance(1);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(from(6, 10));
    clock.advance(10_000);
    await keeper.enforce(channel);
    expect(await kept()).toEqual([]);
  });

  it("holds exactly where many posts were counted together", async () => {
    const { keeper, keep, post, kept } = open({});
    await post(900);
    await keeper.enforce(channel);
    keep({ posts: 333 });
    await keeper.enforce(channel);
    expect(await kept()).toEqual(from(568, 900));
    await post(1);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(from(569, 901));
  });

  it("is looked at after so many posts, without being asked", async () => {
    const { keeper, post, kept, errors } = open({ posts: 10 }, 16);
    await post(64);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(from(55, 64));
    expect(errors).toEqual([]);
  });

  it("is not counted anew after a start, but from where the counts were written down", async () => {
    const { keeper, make, post, kept, log } = open({ posts: 2000 });
    await post(1500);
    await keeper.sweep();
    const next = make();
    await post(600, 10, next);
    await next.enforce(channel);
    expect((await log.bounds(channel)).first).toBe(101);
    expect((await kept())[0]).toBe(101);
  });

  it("is right after another node dropped the head of it", async () => {
    const { keeper, log, post, kept } = open({ posts: 100 });
    await post(100);
    await keeper.enforce(channel);
    await log.trim(channel, 40);
    await post(40);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(from(41, 140));
    await post(1);
    await keeper.enforce(channel);
    expect(await kept()).toEqual(from(42, 141));
  });
});
