/**
 * The channels that this member is in, or was in, as last heard of: kept, so that they have names while the registry is away, or does not
 * tell of them any more.
 */
import type { Journal } from "@parley/core";
import { type Channel, channelSchema, fromBase64url, parseJson } from "@parley/protocol";
import { z } from "zod";

import type { WriteAgain } from "../../write-again.ts";

const shards = 16;
const mostShardCharacters = 60_000;
const shardSchema = z.array(channelSchema);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const keyOf = (shard: number): string => `channels/${shard}`;
/** Ids are random: their first four bits spread them evenly. */
const shardOf = (channel: string): number => (fromBase64url(channel)?.[0] ?? 0) >> 4;

export class KnownChannels {
  readonly #journal: Journal;
  readonly #writes: WriteAgain;

  constructor(journal: Journal, writes: WriteAgain) {
    this.#journal = journal;
    this.#writes = writes;
  }

  async load(): Promise<readonly Channel[]> {
    const values = await Promise.all(
      Array.from({ length: shards }, (_, shard) => this.#journal.getState(keyOf(shard))),
    );
    return values.flatMap(channelsIn);
  }

  /** Something of this channel changed; `all` are those to be kept. Nobody waits for it. */
  keep(channel: string, all: Iterable<Channel>): void {
    const shard = shardOf(channel);
    const of = [...all].filter((each) => shardOf(each.channel) === shard);
    let text = JSON.stringify(of);
    // Topics are the part that can be done without.
    if (text.length > mostShardCharacters) text = JSON.stringify(of.map((each) => ({ ...each, topic: "" })));
    const value = of.length === 0 ? undefined : encoder.encode(text);
    this.#writes.run(() => this.#journal.putState(keyOf(shard), value));
  }
}

function channelsIn(value: Uint8Array | undefined): readonly Channel[] {
  if (value === undefined) return [];
  const json = parseJson(decoder.decode(value), mostShardCharacters);
  const channels = json.ok ? shardSchema.safeParse(json.value) : undefined;
  return channels?.success === true ? channels.data : [];
}
