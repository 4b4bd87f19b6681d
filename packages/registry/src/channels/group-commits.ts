import type { Log } from "@parley/core";
import { id32Schema } from "@parley/protocol";
import { z } from "zod";

import { keys } from "../keys.ts";

/** A commit that led a group out of an epoch, and the device that made it. */
export const groupCommitSchema = z.object({
  epoch: z.int().min(0),
  by: id32Schema,
  commit: z.string().min(1),
  /** What speaks for a device that came in by itself. */
  invitation: z.string().exactOptional(),
});
export type GroupCommit = z.infer<typeof groupCommitSchema>;

export interface CommitPage {
  readonly commits: GroupCommit[];
  /** Lowest epoch out of which a commit is in the log; undefined when none is. */
  readonly first: number | undefined;
}

/** Where the commit out of an epoch lies. */
interface Place {
  readonly epoch: number;
  readonly offset: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const pageBytes = 1_048_576;

/** The commits of encrypted channels' groups. The newest of each is in the group's record, too, and may not be here yet. */
export class GroupCommits {
  readonly #log: Log;
  readonly #most: number;
  readonly #places = new Map<string, Place[]>();

  constructor(log: Log, most: number) {
    this.#log = log;
    this.#most = most;
  }

  /** Keeps a commit, once however often it is handed over, and drops the oldest beyond the bound. */
  async keep(channel: string, commit: GroupCommit): Promise<void> {
    const places = await this.#placesOf(channel);
    if (commit.epoch <= (places.at(-1)?.epoch ?? -1)) return;
    const stream = keys.channelCommits(channel);
    const bytes = encoder.encode(JSON.stringify(commit));
    const { offset } = await this.#log.append(stream, bytes, { dedupeKey: `${commit.epoch}.${commit.by}` });
    if (commit.epoch > (places.at(-1)?.epoch ?? -1)) places.push({ epoch: commit.epoch, offset });
    const over = places.length - this.#most;
    if (over <= 0) return;
    const upTo = places.splice(0, over).at(-1)?.offset ?? 0;
    await this.#log.trim(stream, upTo);
  }

  /** Commits that lead out of an epoch and of later ones, in order. */
  async from(channel: string, epoch: number, limit: number): Promise<CommitPage> {
    const places = await this.#placesOf(channel);
    const from = places.find((place) => place.epoch >= epoch)?.offset;
    const first = places[0]?.epoch;
    if (from === undefined) return { commits: [], first };
    const { entries } = await this.#log.read(keys.channelCommits(channel), { from, limit, maxBytes: pageBytes });
    return { commits: inOrder(entries.flatMap(({ bytes }) => parse(bytes) ?? [])), first };
  }

  /** Forgets the commits of a group that is made anew. */
  async remove(channel: string): Promise<void> {
    this.#places.delete(channel);
    await this.#log.remove(keys.channelCommits(channel));
    this.#places.delete(channel);
  }

  /** What another node appended is found when the log has grown. */
  async #placesOf(channel: string): Promise<Place[]> {
    const stream = keys.channelCommits(channel);
    const places = this.#places.get(channel) ?? [];
    this.#places.set(channel, places);
    const { first, last } = await this.#log.bounds(stream);
    while ((places[0]?.offset ?? Infinity) < first) places.shift();
    for (let from = (places.at(-1)?.offset ?? 0) + 1; from <= last;) {
      const page = await this.#log.read(stream, { from, maxBytes: pageBytes });
      for (const { offset, bytes } of page.entries) {
        const commit = parse(bytes);
        const newest = places.at(-1);
        if (commit !== undefined && commit.epoch > (newest?.epoch ?? -1) && offset > (newest?.offset ?? 0))
          places.push({ epoch: commit.epoch, offset });
      }
      if (page.complete) break;
      from = page.next;
    }
    return places;
  }
}

function parse(bytes: Uint8Array): GroupCommit | undefined {
  return groupCommitSchema.safeParse(JSON.parse(decoder.decode(bytes))).data;
}

/** One that was appended twice counts once. */
function inOrder(commits: readonly GroupCommit[]): GroupCommit[] {
  let last = -1;
  return commits.filter(({ epoch }) => {
    if (epoch <= last) return false;
    last = epoch;
    return true;
  });
}
