import path from "node:path";

import type {
  InboundStreamId,
  InboxEntry,
  Journal,
  JournalOptions,
  JournalState,
  OutboxEntry,
  Random,
  ReceivedEntry,
} from "@parley/core";
import {
  checkInboundStream,
  checkInboxCommit,
  checkOutboxEntry,
  checkState,
  checkStateKey,
  defaultJournalBounds,
  Holdings,
  makeEpoch,
  maxJournalStateKeys,
  systemRandom,
} from "@parley/core";
import { isParleyError, ParleyError } from "@parley/protocol";

import type { Row } from "./column.ts";
import { bytesIn, numberIn, textIn } from "./column.ts";
import { Database } from "./database.ts";
import { envelopeColumns, envelopeOf, envelopeValues } from "./envelope-row.ts";
import { GroupCommit } from "./group-commit.ts";
import { InboundTable } from "./inbound-table.ts";
import { journalSchema } from "./journal-schema.ts";
import { RecipientTable } from "./recipient-table.ts";

export interface SqliteJournalOptions extends JournalOptions {
  /** The device's folder; the file is `journal.db`. Made with mode 0700 if absent. */
  readonly dir: string;
  readonly random?: Random;
  /** Size of the file at which writes fail with `storage_full`. Default: the disk's. */
  readonly maxBytes?: number;
}

const rowBytes = 300;

/** A device's journal on SQLite. Throws `device_in_use` if it is open already, else as `openSqliteStores`. */
export function openSqliteJournal(options: SqliteJournalOptions): Journal {
  const database = openFile(options);
  try {
    return new SqliteJournal(database, options);
  } catch (error) {
    database.close();
    throw error;
  }
}

function openFile({ dir, maxBytes }: SqliteJournalOptions): Database {
  const file = path.join(dir, "journal.db");
  try {
    return new Database({ file, schema: journalSchema, ...(maxBytes === undefined ? {} : { maxBytes }) });
  } catch (error) {
    if (isParleyError(error) && error.data?.["reason"] === "held") {
      throw new ParleyError("device_in_use", { message: `${file}: another process holds this device.`, cause: error });
    }
    throw error;
  }
}

class SqliteJournal implements Journal {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #random: Random;
  readonly #recipients: RecipientTable;
  readonly #inbound: InboundTable;
  readonly #sent: Holdings;
  readonly #received: Holdings;
  /** Inbox places up to this one were there when the journal was opened. */
  readonly #oldPlaces: number;
  #epoch: string;

  constructor(database: Database, options: SqliteJournalOptions) {
    this.#database = database;
    this.#commits = new GroupCommit(database);
    this.#random = options.random ?? systemRandom;
    this.#recipients = new RecipientTable(database);
    this.#inbound = new InboundTable(database);
    this.#sent = new Holdings("outbox", options.outbox ?? defaultJournalBounds);
    this.#received = new Holdings("inbox", options.inbox ?? defaultJournalBounds);
    this.#oldPlaces = numberIn(
      database.statement("SELECT coalesce(max(place), 0) AS top FROM inbox").get() ?? {},
      "top",
    );
    this.#epoch = this.#readEpoch() ?? this.#writeEpoch();
    this.#commits.join(this.#recipients);
    this.#commits.join(this.#inbound);
    this.#commits.join({ save: () => undefined, reset: () => this.#recount() });
    this.#recount();
  }

  async load(): Promise<JournalState> {
    this.#commits.checkOpen();
    const rows = this.#database.read(() =>
      this.#database.statement(`SELECT recipient, seq, ${envelopeColumns} FROM outbox ORDER BY place`).all(),
    );
    const outbox = rows.map((row) => ({
      recipient: textIn(row, "recipient"),
      seq: numberIn(row, "seq"),
      envelope: envelopeOf(row),
    }));
    return { epoch: this.#epoch, outbox, inbound: this.#inbound.cursors(), lastSeq: this.#recipients.all() };
  }

  async appendOutbox(entry: OutboxEntry): Promise<void> {
    this.#commits.checkOpen();
    checkOutboxEntry(entry);
    const { recipient, seq, envelope } = entry;
    const bytes = envelope.body.byteLength;
    await this.#commits.run(() => {
      this.#recipients.check(recipient, seq);
      this.#sent.checkRoom(1, bytes);
      this.#database
        .statement(`INSERT INTO outbox (recipient, seq, ${envelopeColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
        .run(recipient, seq, ...envelopeValues(envelope));
      this.#recipients.set(recipient, seq);
      this.#sent.add(1, bytes);
    }, bytes + rowBytes);
  }

  async settleOutbox(recipient: string, upToSeq: number): Promise<void> {
    await this.#remove(this.#sent, "DELETE FROM outbox WHERE recipient = ? AND seq <= ?", recipient, upToSeq);
  }

  async dropOutbox(recipient: string, seq: number): Promise<void> {
    await this.#remove(this.#sent, "DELETE FROM outbox WHERE recipient = ? AND seq = ?", recipient, seq);
  }

  async commitInbox(stream: InboundStreamId, seq: number, entries: readonly ReceivedEntry[]): Promise<void> {
    this.#commits.checkOpen();
    checkInboxCommit(stream, seq, entries);
    const bytes = entries.reduce((sum, entry) => sum + entry.envelope.body.byteLength, 0);
    await this.#commits.run(
      () => {
        const cursor = this.#inbound.cursor(stream);
        if (Math.min(seq, entries[0]?.seq ?? seq) <= cursor) throw new ParleyError("conflict", { data: { cursor } });
        this.#received.checkRoom(entries.length, bytes);
        const id = this.#inbound.move(stream, seq);
        const insert = this.#database.statement(
          `INSERT OR IGNORE INTO inbox (stream, seq, received_at, ${envelopeColumns})
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        );
        for (const { seq: place, receivedAt, envelope } of entries) {
          // Ignored if a stream came back after it was forgotten and the envelope is still pending.
          const { changes } = insert.run(id, place, receivedAt, ...envelopeValues(envelope));
          if (changes !== 0) this.#received.add(1, envelope.body.byteLength);
        }
      },
      bytes + rowBytes * (entries.length + 1),
    );
  }

  async settleInbox(entry: InboundStreamId & { readonly seq: number }): Promise<void> {
    this.#commits.checkOpen();
    await this.#commits.run(() => {
      const id = this.#inbound.idOf(entry);
      if (id === undefined) return;
      this.#removeNow(this.#received, "DELETE FROM inbox WHERE stream = ? AND seq = ?", id, entry.seq);
    }, rowBytes);
  }

  async pendingInbox(): Promise<readonly InboxEntry[]> {
    this.#commits.checkOpen();
    const rows = this.#database.read(() =>
      this.#database
        .statement(
          `SELECT sender, device, epoch, inbox.seq AS seq, received_at, place, ${envelopeColumns}
           FROM inbox JOIN inbound ON inbound.id = stream ORDER BY place`,
        )
        .all(),
    );
    return rows.map((row) => this.#inboxEntryOf(row));
  }

  async forgetInbound(stream: InboundStreamId): Promise<void> {
    this.#commits.checkOpen();
    checkInboundStream(stream);
    await this.#commits.run(() => this.#inbound.forget(stream), rowBytes);
  }

  async getState(key: string): Promise<Uint8Array | undefined> {
    this.#commits.checkOpen();
    checkStateKey(key);
    const row = this.#database.read(() => this.#database.statement("SELECT value FROM state WHERE key = ?").get(key));
    return row === undefined ? undefined : bytesIn(row, "value");
  }

  async putState(key: string, value: Uint8Array | undefined): Promise<void> {
    this.#commits.checkOpen();
    checkState(key, value);
    await this.#commits.run(() => this.#putStateNow(key, value), (value?.byteLength ?? 0) + rowBytes);
  }

  async newEpoch(): Promise<string> {
    this.#commits.checkOpen();
    return this.#commits.run(() => {
      this.#renumber();
      const epoch = this.#writeEpoch();
      this.#commits.afterCommit(() => (this.#epoch = epoch));
      return epoch;
    }, rowBytes);
  }

  async close(): Promise<void> {
    this.#commits.close();
    this.#database.close();
  }

  async #remove(from: Holdings, sql: string, stream: string | number, seq: number): Promise<void> {
    this.#commits.checkOpen();
    await this.#commits.run(() => this.#removeNow(from, sql, stream, seq), rowBytes);
  }

  #removeNow(from: Holdings, sql: string, stream: string | number, seq: number): void {
    const gone = this.#database.statement(`${sql} RETURNING length(body) AS bytes`).all(stream, seq);
    from.add(-gone.length, -gone.reduce((sum, row) => sum + numberIn(row, "bytes"), 0));
  }

  #inboxEntryOf(row: Row): InboxEntry {
    return {
      sender: textIn(row, "sender"),
      device: textIn(row, "device"),
      epoch: textIn(row, "epoch"),
      seq: numberIn(row, "seq"),
      receivedAt: numberIn(row, "received_at"),
      envelope: envelopeOf(row),
      redelivered: numberIn(row, "place") <= this.#oldPlaces,
    };
  }

  #putStateNow(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) {
      this.#database.statement("DELETE FROM state WHERE key = ?").run(key);
      return;
    }
    const known = this.#database.statement("SELECT 1 FROM state WHERE key = ?").get(key) !== undefined;
    const count = known
      ? 0
      : numberIn(this.#database.statement("SELECT count(*) AS count FROM state").get() ?? {}, "count");
    if (count >= maxJournalStateKeys) throw new ParleyError("limit_reached", { data: { maxJournalStateKeys } });
    this.#database.statement("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)").run(key, value);
  }

  /** New numbers are never above the old ones, so going in order never meets a number still in use. */
  #renumber(): void {
    this.#recipients.clear();
    const rows = this.#database.statement("SELECT place, recipient, seq FROM outbox ORDER BY recipient, seq").all();
    const update = this.#database.statement(
      `UPDATE outbox SET seq = ?, origin_seq = coalesce(origin_seq, seq), origin_epoch = coalesce(origin_epoch, ?)
       WHERE place = ?`,
    );
    let recipient = "";
    let next = 1;
    for (const row of rows) {
      if (textIn(row, "recipient") !== recipient) next = 1;
      recipient = textIn(row, "recipient");
      update.run(next, this.#epoch, numberIn(row, "place"));
      this.#recipients.set(recipient, next++);
    }
  }

  #recount(): void {
    for (const [holdings, table] of [
      [this.#sent, "outbox"],
      [this.#received, "inbox"],
    ] as const) {
      const row = this.#database
        .statement(`SELECT count(*) AS count, coalesce(sum(length(body)), 0) AS bytes FROM ${table}`)
        .get();
      holdings.reset(numberIn(row ?? {}, "count"), numberIn(row ?? {}, "bytes"));
    }
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
