import { setImmediate as nextTurn } from "node:timers/promises";

import type {
  DeleteOptions,
  DeleteResult,
  ListedRecord,
  ListOptions,
  PutOptions,
  PutResult,
  RecordChange,
  RecordPage,
  Records,
  StoredRecord,
  WatchOptions,
} from "@parley/core";
import {
  checkPage,
  checkRecord,
  checkStoreName,
  checkWhole,
  maxRecordPage,
  maxRecordPageBytes,
  RecordFeed,
} from "@parley/core";

import { bytesIn, numberIn, textIn } from "./column.ts";
import { Counter } from "./counter.ts";
import type { Database } from "./database.ts";
import type { GroupCommit } from "./group-commit.ts";
import { lastKeyUnder } from "./key-range.ts";

const rowBytes = 200;

/** The Records on SQLite. Revisions are given over all keys. Watches live in this process, the only one that holds the file. */
export class SqliteRecords implements Records {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #revision: Counter;
  readonly #feed: RecordFeed;

  constructor(database: Database, commits: GroupCommit, onHandlerError: ((error: unknown) => void) | undefined) {
    this.#database = database;
    this.#commits = commits;
    this.#revision = new Counter(database, "revision");
    this.#feed = new RecordFeed(queueMicrotask, onHandlerError);
    commits.join(this.#revision);
  }

  async get(key: string): Promise<StoredRecord | undefined> {
    this.#commits.checkOpen();
    checkStoreName("key", key);
    const row = this.#database.read(() =>
      this.#database.statement("SELECT revision, value FROM record WHERE key = ?").get(key),
    );
    return row === undefined ? undefined : { value: bytesIn(row, "value"), revision: numberIn(row, "revision") };
  }

  async put(key: string, value: Uint8Array, { ifRevision }: PutOptions = {}): Promise<PutResult> {
    this.#commits.checkOpen();
    checkRecord(key, value);
    if (typeof ifRevision === "number") checkWhole("expected revision", ifRevision, 1);
    return this.#commits.run(() => {
      const current = this.#revisionOf(key);
      if (ifRevision !== undefined && ifRevision !== current) return { ok: false, conflict: current };
      const revision = this.#revision.add(1);
      this.#database
        .statement(
          `INSERT INTO record (key, revision, value) VALUES (?, ?, ?)
           ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value`,
        )
        .run(key, revision, value);
      this.#commits.afterCommit(() => this.#feed.changed({ key, revision, value }));
      return { ok: true, revision };
    }, value.byteLength + rowBytes);
  }

  async delete(key: string, { ifRevision }: DeleteOptions = {}): Promise<DeleteResult> {
    this.#commits.checkOpen();
    checkStoreName("key", key);
    if (ifRevision !== undefined) checkWhole("expected revision", ifRevision, 1);
    return this.#commits.run(() => {
      const current = this.#revisionOf(key);
      if (ifRevision !== undefined && ifRevision !== current) return { ok: false, conflict: current };
      if (current === "absent") return { ok: true };
      this.#database.statement("DELETE FROM record WHERE key = ?").run(key);
      const revision = this.#revision.add(1);
      this.#commits.afterCommit(() => this.#feed.changed({ key, revision, value: undefined }));
      return { ok: true };
    }, rowBytes);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<RecordPage> {
    this.#commits.checkOpen();
    const { limit, after } = checkPage(prefix, options, maxRecordPage);
    return this.#page(prefix, after, limit);
  }

  async watch(prefix: string, onChange: (change: RecordChange) => void, options: WatchOptions = {}): Promise<void> {
    this.#commits.checkOpen();
    await this.#feed.watch(prefix, onChange, options, async (after) => {
      // A turn of the event loop per page, so that a large store does not hold everything else up.
      if (after !== "") await nextTurn();
      this.#commits.checkOpen();
      return this.#page(prefix, after, maxRecordPage).records;
    });
  }

  close(): void {
    this.#feed.close();
  }

  #revisionOf(key: string): number | "absent" {
    const row = this.#database.statement("SELECT revision FROM record WHERE key = ?").get(key);
    return row === undefined ? "absent" : numberIn(row, "revision");
  }

  #page(prefix: string, after: string, limit: number): RecordPage {
    return this.#database.read(() => {
      const records: ListedRecord[] = [];
      let bytes = 0;
      const rows = this.#database
        .statement("SELECT key, revision, value FROM record WHERE key > ? AND key < ? ORDER BY key")
        .iterate(after > prefix ? after : prefix, lastKeyUnder(prefix));
      for (const row of rows) {
        const value = bytesIn(row, "value");
        bytes += value.byteLength;
        if (records.length === limit || (records.length > 0 && bytes > maxRecordPageBytes)) {
          return { records, complete: false };
        }
        records.push({ key: textIn(row, "key"), value, revision: numberIn(row, "revision") });
      }
      return { records, complete: true };
    });
  }
}
