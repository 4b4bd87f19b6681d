import type {
  AppendOptions,
  AppendResult,
  Clock,
  Log,
  LogBounds,
  LogEntry,
  LogPage,
  NamePage,
  NamePageOptions,
  Random,
  ReadOptions,
} from "@parley/core";
import {
  checkAppend,
  checkPage,
  checkRead,
  checkStoreName,
  checkWhole,
  logDedupeWindowMs,
  makeEpoch,
  maxLogDedupeKeys,
  maxNamePage,
} from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { bytesIn, numberIn, textIn } from "./column.ts";
import { Counter } from "./counter.ts";
import type { Database } from "./database.ts";
import type { GroupCommit } from "./group-commit.ts";
import { lastKeyUnder } from "./key-range.ts";
import { StreamTable } from "./stream-table.ts";

/** What a row costs beside its body, roughly. */
const rowBytes = 200;
/** Rows of a trim that one commit deletes. */
const maxDeletedAtOnce = 250;
/** Old keys looked at per commit beyond twice those that it added. */
const spareKeysPerCommit = 16;

/** The Log on SQLite. Offsets are given over all streams, so those of one stream have holes. */
export class SqliteLog implements Log {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #streams: StreamTable;
  readonly #offset: Counter;
  #keysAdded = 0;
  #epoch: string;

  constructor(database: Database, commits: GroupCommit, clock: Clock, random: Random) {
    this.#database = database;
    this.#commits = commits;
    this.#clock = clock;
    this.#random = random;
    this.#streams = new StreamTable(database);
    this.#offset = new Counter(database, "offset");
    this.#epoch = this.#readEpoch() ?? this.#writeEpoch();
    commits.join(this.#streams);
    commits.join(this.#offset);
    commits.join({ save: () => this.#forgetOldKeys(), reset: () => (this.#keysAdded = 0) });
  }

  async append(stream: string, entry: Uint8Array, options: AppendOptions = {}): Promise<AppendResult> {
    this.#commits.checkOpen();
    checkAppend(stream, entry, options);
    return this.#commits.run(() => this.#appendNow(stream, entry, options), entry.byteLength + rowBytes);
  }

  async read(stream: string, options: ReadOptions = {}): Promise<LogPage> {
    this.#commits.checkOpen();
    const { from, limit, maxBytes } = checkRead(stream, options);
    return this.#database.read(() => {
      const row = this.#streams.find(stream);
      if (row === undefined) {
        return { epoch: this.#epoch, entries: [], first: 1, last: 0, complete: true, next: from };
      }
      const { entries, complete } = this.#entries(row.id, Math.max(from, row.first), limit, maxBytes);
      const next = complete ? Math.max(from, row.last + 1) : (entries.at(-1)?.offset ?? from - 1) + 1;
      return { epoch: this.#epoch, entries, first: row.first, last: row.last, complete, next };
    });
  }

  async trim(stream: string, upTo: number): Promise<LogBounds> {
    this.#commits.checkOpen();
    checkStoreName("stream", stream);
    checkWhole("trim offset", upTo, 0);
    return this.#commits.run(() => {
      const row = this.#streams.find(stream);
      const end = Math.min(upTo, row?.last ?? 0);
      if (row !== undefined && end >= row.first) {
        this.#streams.change(row, { first: end + 1 });
        this.#deleteSome(row.id, end);
      }
      return this.#boundsOf(stream);
    }, rowBytes);
  }

  async bounds(stream: string): Promise<LogBounds> {
    this.#commits.checkOpen();
    checkStoreName("stream", stream);
    return this.#database.read(() => this.#boundsOf(stream));
  }

  async remove(stream: string): Promise<void> {
    this.#commits.checkOpen();
    checkStoreName("stream", stream);
    await this.#commits.run(() => {
      const row = this.#streams.find(stream);
      if (row === undefined) return;
      this.#database.statement("DELETE FROM log_entry WHERE stream = ?").run(row.id);
      // The id may be given again, to another stream, whose keys these must not become.
      this.#database.statement("DELETE FROM log_key WHERE stream = ?").run(row.id);
      this.#streams.remove(stream, row);
    }, rowBytes);
  }

  async streams(prefix: string, options: NamePageOptions = {}): Promise<NamePage> {
    this.#commits.checkOpen();
    const { limit, after } = checkPage(prefix, options, maxNamePage);
    const rows = this.#database.read(() =>
      this.#database
        .statement("SELECT name FROM log_stream WHERE name > ? AND name < ? ORDER BY name LIMIT ?")
        .all(after > prefix ? after : prefix, lastKeyUnder(prefix), limit + 1),
    );
    return { names: rows.slice(0, limit).map((row) => textIn(row, "name")), complete: rows.length <= limit };
  }

  async newEpoch(): Promise<string> {
    this.#commits.checkOpen();
    return this.#commits.run(() => {
      const epoch = this.#writeEpoch();
      this.#commits.afterCommit(() => (this.#epoch = epoch));
      return epoch;
    }, rowBytes);
  }

  #appendNow(name: string, entry: Uint8Array, { dedupeKey, ifLast }: AppendOptions): AppendResult {
    const known = this.#streams.find(name);
    if (dedupeKey !== undefined && known !== undefined) {
      const seen = this.#database
        .statement("SELECT offset FROM log_key WHERE stream = ? AND key = ?")
        .get(known.id, dedupeKey);
      if (seen !== undefined) return { offset: numberIn(seen, "offset"), duplicate: true };
    }
    const last = known?.last ?? 0;
    if (ifLast !== undefined && ifLast !== last) throw new ParleyError("conflict", { data: { last } });
    const row = known ?? this.#streams.findOrMake(name);
    const offset = this.#offset.add(1);
    const at = this.#clock.now();
    this.#database
      .statement("INSERT INTO log_entry (offset, stream, at, body) VALUES (?, ?, ?, ?)")
      .run(offset, row.id, at, entry);
    this.#streams.change(row, { last: offset });
    if (dedupeKey !== undefined) {
      this.#database
        .statement("INSERT INTO log_key (offset, stream, at, key) VALUES (?, ?, ?, ?)")
        .run(offset, row.id, at, dedupeKey);
      this.#keysAdded++;
    }
    return { offset, duplicate: false };
  }

  /**
   * Deletes trimmed rows by and by, so that a full mailbox does not hold everything up. They cannot be read any more; what a crash
   * leaves of them goes with the next trim.
   */
  #deleteSome(stream: number, upTo: number): void {
    const { changes } = this.#database
      .statement(
        `DELETE FROM log_entry WHERE offset IN (
           SELECT offset FROM log_entry WHERE stream = ? AND offset <= ? ORDER BY offset LIMIT ${maxDeletedAtOnce}
         )`,
      )
      .run(stream, upTo);
    if (Number(changes) < maxDeletedAtOnce) return;
    this.#commits.afterCommit(() => this.#commits.runLater(() => this.#deleteSome(stream, upTo)));
  }

  #entries(stream: number, from: number, limit: number, maxBytes: number): { entries: LogEntry[]; complete: boolean } {
    const entries: LogEntry[] = [];
    let bytes = 0;
    const rows = this.#database
      .statement("SELECT offset, at, body FROM log_entry WHERE stream = ? AND offset >= ? ORDER BY offset")
      .iterate(stream, from);
    for (const row of rows) {
      const body = bytesIn(row, "body");
      bytes += body.byteLength;
      if (entries.length === limit || (entries.length > 0 && bytes > maxBytes)) return { entries, complete: false };
      entries.push({ offset: numberIn(row, "offset"), bytes: body, at: numberIn(row, "at") });
    }
    return { entries, complete: true };
  }

  #boundsOf(stream: string): LogBounds {
    const row = this.#streams.find(stream);
    return { epoch: this.#epoch, first: row?.first ?? 1, last: row?.last ?? 0 };
  }

  /** Keys are in order of offset, which is nearly that of age: a few from the old end, so that the table shrinks faster than it grows. */
  #forgetOldKeys(): void {
    if (this.#keysAdded === 0) return;
    const looked = 2 * this.#keysAdded + spareKeysPerCommit;
    this.#keysAdded = 0;
    this.#database
      .statement(
        `DELETE FROM log_key WHERE offset IN (
           SELECT offset FROM (SELECT offset, at FROM log_key ORDER BY offset LIMIT ?) WHERE at < ? OR offset <= ?
         )`,
      )
      .run(looked, this.#clock.now() - logDedupeWindowMs, this.#offset.value - maxLogDedupeKeys);
  }

  #readEpoch(): string | undefined {
    const row = this.#database.statement("SELECT value FROM setting WHERE name = 'epoch'").get();
    return row === undefined ? undefined : textIn(row, "value");
  }

  #writeEpoch(): string {
    const epoch = makeEpoch(this.#random);
    this.#database.statement("INSERT OR REPLACE INTO setting (name, value) VALUES ('epoch', ?)").run(epoch);
    return epoch;
  }
}
