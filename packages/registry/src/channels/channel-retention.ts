import type { Records } from "@parley/core";
import type { Retention } from "@parley/protocol";

import type { RegistryBounds } from "../bounds.ts";
import { JsonRecords } from "../json-records.ts";
import { keys } from "../keys.ts";
import type { ChannelLog } from "./channel-log.ts";
import type { ChannelTable } from "./channel-table.ts";
import { type CountedPost, KeptPosts, keptPostsSchema, type StoredKeptPosts } from "./kept-posts.ts";

export interface ChannelRetentionOptions {
  readonly records: Records;
  readonly log: ChannelLog;
  readonly table: ChannelTable;
  readonly now: () => number;
  readonly bounds: Pick<RegistryBounds, "trimEveryPosts">;
  readonly onError: (error: unknown) => void;
}

interface Ledger {
  kept: KeptPosts;
  /** Counted up to here when it was written down last. */
  written: number;
  /** Posts appended since it was looked at. */
  appended: number;
  working: Promise<void> | undefined;
}

/** Entries counted in one read. */
const page = { posts: 1000, bytes: 1_048_576 };
/** Posts after which the counts are written down at a sweep. */
const writeEveryPosts = 1024;

/** Drops the oldest posts of channels beyond what each keeps: by number, bytes and age. */
export class ChannelRetention {
  readonly #options: ChannelRetentionOptions;
  readonly #stored: JsonRecords<StoredKeptPosts>;
  readonly #ledgers = new Map<string, Ledger>();

  constructor(options: ChannelRetentionOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, keptPostsSchema);
  }

  /** A post was appended here. Now and then that makes room. */
  appended(channel: string): void {
    const ledger = this.#ledger(channel);
    if (++ledger.appended < this.#options.bounds.trimEveryPosts || ledger.working !== undefined) return;
    this.enforce(channel).catch(this.#options.onError);
  }

  /** Drops what is beyond the channel's bounds now. */
  async enforce(channel: string): Promise<void> {
    const ledger = this.#ledger(channel);
    while (ledger.working !== undefined) await ledger.working.catch(() => undefined);
    ledger.working = this.#enforce(channel, ledger).finally(() => (ledger.working = undefined));
    await ledger.working;
  }

  /** Looks at every channel. */
  async sweep(): Promise<void> {
    for (const { id } of this.#options.table.all()) {
      await this.enforce(id);
      await this.#write(id, this.#ledger(id));
    }
  }

  async #enforce(channel: string, ledger: Ledger): Promise<void> {
    const retention = this.#options.table.get(channel)?.record.retention;
    if (retention === undefined) return;
    ledger.appended = 0;
    await this.#count(channel, ledger, retention);
    const { log, now } = this.#options;
    let upTo: number | undefined;
    for (let head = ledger.kept.over(retention, now()); head !== undefined; head = ledger.kept.over(retention, now())) {
      const { posts } = await log.forward(channel, head.first, page, head.last + 1);
      const rest = posts.filter(({ offset }) => offset > (upTo ?? 0)).map(counted);
      const cut = ledger.kept.cut(rest, retention, now());
      if (cut === undefined) {
        // Somebody else dropped what was counted here.
        ledger.kept.trimmed((await log.bounds(channel)).first);
        if (ledger.kept.over(retention, now())?.first === head.first) break;
      } else upTo = cut;
    }
    if (upTo !== undefined) ledger.kept.trimmed((await log.trim(channel, upTo)).first);
  }

  /** Counts on from where the counts end. */
  async #count(channel: string, ledger: Ledger, retention: Retention): Promise<void> {
    const { log } = this.#options;
    if (ledger.kept.counted === 0) await this.#read(channel, ledger);
    for (;;) {
      const { first, posts, complete } = await log.forward(channel, ledger.kept.counted + 1, page);
      ledger.kept.trimmed(first);
      for (const post of posts) ledger.kept.add(counted(post), retention);
      if (complete) return;
    }
  }

  async #read(channel: string, ledger: Ledger): Promise<void> {
    const stored = await this.#stored.get(keys.channelKept(channel));
    if (stored === undefined) return;
    ledger.kept = new KeptPosts(stored.value);
    ledger.written = stored.value.counted;
  }

  async #write(channel: string, ledger: Ledger): Promise<void> {
    const { stored } = ledger.kept;
    if (stored.counted - ledger.written < writeEveryPosts) return;
    ledger.written = stored.counted;
    await this.#stored.change(keys.channelKept(channel), (current) =>
      (current?.counted ?? 0) < stored.counted ? stored : undefined,
    );
  }

  #ledger(channel: string): Ledger {
    const known = this.#ledgers.get(channel);
    if (known !== undefined) return known;
    const ledger: Ledger = { kept: new KeptPosts(), written: 0, appended: 0, working: undefined };
    this.#ledgers.set(channel, ledger);
    return ledger;
  }
}

function counted({
  offset,
  at,
  statement,
}: {
  readonly offset: number;
  readonly at: number;
  readonly statement: Uint8Array;
}): CountedPost {
  return { offset, at, bytes: statement.length };
}
