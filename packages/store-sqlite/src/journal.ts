import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

import type {
  DeliveryFact,
  DeliveryPage,
  DeliveryQuery,
  DeliveryRecord,
  DeliveryRow,
  InboundPlace,
  InboundStreamId,
  Journal,
  JournalOptions,
  JournalState,
  NewOutboxEntry,
  OutboxEntry,
  PendingEntry,
  PendingQuery,
  PendingReceived,
  Random,
  ReceivedEntry,
} from "@parley/core";
import {
  boundedFact,
  checkDeliveryQuery,
  checkImport,
  checkInboundPlace,
  checkInboundStream,
  checkInboxCommit,
  checkNote,
  checkOutboxEntry,
  checkPendingQuery,
  checkPlaces,
  checkState,
  checkStateKey,
  defaultHistoryBounds,
  defaultJournalBounds,
  Holdings,
  InboxLedger,
  makeEpoch,
  maxJournalStateKeys,
  placeIn,
  systemRandom,
} from "@parley/core";
import { envelopeId, isParleyError, mayFollow, ParleyError } from "@parley/protocol";

import type { Row } from "./column.ts";
import { bytesIn, numberIn, textIn } from "./column.ts";
import { Database } from "./database.ts";
import { DeliveryReader } from "./delivery-reader.ts";
import { envelopeColumns, envelopeOf, envelopeValues, redeliveredBit, tailBit } from "./envelope-row.ts";
import { factColumns, factValues, pathCode, stateCode } from "./fact-row.ts";
import { GroupCommit } from "./group-commit.ts";
import { HistoryTable } from "./history-table.ts";
import { InboundTable } from "./inbound-table.ts";
import { journalSchema, outcomes } from "./journal-schema.ts";
import { OutboundTable } from "./outbound-table.ts";
import { RangeFactTable } from "./range-fact-table.ts";
import { Tally } from "./tally.ts";

export interface SqliteJournalOptions extends JournalOptions {
  /** The device's folder; the file is `journal.db`. Made with mode 0700 if absent. */
  readonly dir: string;
  readonly random?: Random;
  /** Size of the file at which writes fail with `storage_full`. Default: the disk's. */
  readonly maxBytes?: number;
}

const rowBytes = 300;
/** Rows read in one go where all are wanted. */
const loadBatch = 256;
/** After so many commits the place is written down before which nothing received is pending. */
const commitsPerMark = 512;

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

const entryColumns = `place, outgoing, stream, seq, at, outcome, settled_at, path, attempts, ${envelopeColumns}`;
const entryMarks = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";

class SqliteJournal implements Journal {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #outbound: OutboundTable;
  readonly #inbound: InboundTable;
  readonly #ranges: RangeFactTable;
  readonly #reader: DeliveryReader;
  readonly #history: HistoryTable;
  readonly #receivedHoldings: Holdings;
  readonly #received: InboxLedger;
  /** Places up to this one were there when the journal was opened. */
  readonly #oldPlaces: number;
  #epoch: string;
  #commitsSinceMark = 0;

  constructor(database: Database, options: SqliteJournalOptions) {
    this.#database = database;
    this.#commits = new GroupCommit(database);
    this.#random = options.random ?? systemRandom;
    this.#tally = new Tally(database);
    this.#outbound = new OutboundTable(database, new Holdings("outbox", options.outbox ?? defaultJournalBounds));
    this.#inbound = new InboundTable(database);
    this.#ranges = new RangeFactTable(database, this.#tally);
    this.#reader = new DeliveryReader(database, this.#ranges);
    const tables = {
      database,
      tally: this.#tally,
      outbound: this.#outbound,
      inbound: this.#inbound,
      ranges: this.#ranges,
    };
    const bounds = new Holdings("history", options.history ?? defaultHistoryBounds);
    this.#history = new HistoryTable(tables, bounds, () => this.#commits.runLater(() => undefined));
    this.#receivedHoldings = new Holdings("inbox", options.inbox ?? defaultJournalBounds);
    this.#received = new InboxLedger(this.#receivedHoldings);
    this.#oldPlaces = this.#tally.get("place");
    this.#epoch = this.#readEpoch() ?? this.#writeEpoch();
    this.#readReceived();
    this.#commits.relieveBy(() => this.#history.shrink());
    for (const table of [this.#outbound, this.#inbound]) this.#commits.join(table);
    this.#commits.join({ save: () => this.#mark(), reset: () => this.#tally.reset() });
    this.#commits.join(this.#history);
    this.#commits.join({ save: () => this.#tally.save(), reset: () => this.#readReceived() });
  }

  async load(): Promise<JournalState> {
    this.#commits.checkOpen();
    const places = this.#outbound.ledger.streams().flatMap(({ pending }) => pending.map(({ place }) => place));
    places.sort((left, right) => left - right);
    const outbox: OutboxEntry[] = [];
    for (let from = 0; from < places.length; from += loadBatch)
      outbox.push(...this.#database.read(() => this.#outboxAt(places.slice(from, from + loadBatch))));
    return {
      epoch: this.#epoch,
      outbox,
      inbound: this.#inbound.cursors(),
      lastSeq: this.#outbound.ledger.lastSeqs(),
    };
  }

  async appendOutbox(entry: NewOutboxEntry): Promise<void> {
    this.#commits.checkOpen();
    checkOutboxEntry(entry);
    const { recipient, seq, envelope, at = envelope.created } = entry;
    const bytes = envelope.body.byteLength;
    await this.#commits.run(() => {
      const { ledger } = this.#outbound;
      ledger.check(recipient, seq, bytes);
      const epoch = entry.epoch ?? this.#epoch;
      const place = this.#tally.next("place");
      const sent = { seq, place, bytes, more: envelope.more };
      const { row, isTail } = ledger.append(recipient, epoch, sent, () => this.#outbound.make(recipient, epoch, seq));
      this.#insert.run(
        place,
        1,
        row.id,
        seq,
        at,
        outcomes.pending,
        at,
        0,
        0,
        ...envelopeValues(envelope, isTail ? tailBit : 0),
      );
    }, bytes + rowBytes);
  }

  async noteOutbox(
    recipient: string,
    from: number,
    to: number,
    fact: DeliveryFact,
    receipt?: Uint8Array,
  ): Promise<void> {
    this.#commits.checkOpen();
    checkNote(recipient, from, to, receipt);
    const bounded = boundedFact(fact);
    await this.#commits.run(() => {
      for (const row of this.#outbound.ledger.rowsOf(recipient)) this.#ranges.note(row, from, to, bounded, receipt);
    }, rowBytes);
  }

  async settleOutbox(recipient: string, upToSeq: number): Promise<void> {
    this.#commits.checkOpen();
    await this.#commits.run(() => {
      for (const { entries } of this.#outbound.ledger.settle(recipient, upToSeq)) {
        const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
        this.#history.add(entries.length, bytes, entries[0]?.place ?? 0);
      }
    }, rowBytes);
  }

  async dropOutbox(recipient: string, seq: number): Promise<void> {
    this.#commits.checkOpen();
    await this.#commits.run(() => {
      const dropped = this.#outbound.ledger.drop(recipient, seq);
      if (dropped === undefined) return;
      const { place, bytes } = dropped.entry;
      this.#database.statement("UPDATE entry SET outcome = ? WHERE place = ?").run(outcomes.dropped, place);
      this.#history.add(1, bytes, place);
    }, rowBytes);
  }

  async commitInbox(
    stream: InboundStreamId,
    seq: number,
    entries: readonly ReceivedEntry[],
  ): Promise<readonly number[]> {
    this.#commits.checkOpen();
    checkInboxCommit(stream, seq, entries);
    const bytes = entries.reduce((sum, entry) => sum + entry.envelope.body.byteLength, 0);
    return this.#commits.run(
      () => {
        const cursor = this.#inbound.cursor(stream);
        if (Math.min(seq, entries[0]?.seq ?? seq) <= cursor) throw new ParleyError("conflict", { data: { cursor } });
        this.#receivedHoldings.checkRoom(entries.length, bytes);
        const id = this.#inbound.move(stream, seq);
        const known: number[] = [];
        for (const entry of entries) if (!this.#receive(stream, id, entry)) known.push(entry.seq);
        return known;
      },
      bytes + rowBytes * (entries.length + 1),
    );
  }

  async settleInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    this.#commits.checkOpen();
    checkInboundPlace(entry);
    const bounded = boundedFact(fact);
    await this.#commits.run(() => {
      const pending = this.#received.remove(entry);
      if (pending === undefined) return;
      const { place, bytes, isNoted } = pending;
      const isPlain = bounded.state === "handled" && Object.keys(bounded).length === 2;
      if (isPlain && !isNoted) {
        this.#database
          .statement("UPDATE entry SET outcome = ?, settled_at = ? WHERE place = ?")
          .run(outcomes.handled, bounded.at, place);
      } else {
        this.#noteEntry(place, bounded);
        this.#database.statement("UPDATE entry SET outcome = ? WHERE place = ?").run(outcomes.noted, place);
      }
      this.#history.add(1, bytes, place);
    }, rowBytes);
  }

  async noteInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    this.#commits.checkOpen();
    checkInboundPlace(entry);
    const bounded = boundedFact(fact);
    await this.#commits.run(() => {
      const pending = this.#received.find(entry);
      const place = pending?.place ?? this.#placeOf(entry);
      if (place === undefined) return;
      this.#noteEntry(place, bounded);
      if (pending !== undefined) pending.isNoted = true;
    }, rowBytes);
  }

  async noteAttempt(entry: InboundPlace): Promise<number> {
    this.#commits.checkOpen();
    checkInboundPlace(entry);
    return this.#commits.run(() => {
      const pending = this.#received.find(entry);
      if (pending === undefined) return 0;
      pending.attempts++;
      this.#database.statement("UPDATE entry SET attempts = ? WHERE place = ?").run(pending.attempts, pending.place);
      return pending.attempts;
    }, rowBytes);
  }

  async pendingInbox(query: PendingQuery = {}): Promise<readonly PendingEntry[]> {
    this.#commits.checkOpen();
    checkPendingQuery(query);
    return this.#database.read(() => this.#received.page(query).map(({ place }) => this.#pendingAt(place)));
  }

  async pendingSenders(): Promise<readonly string[]> {
    this.#commits.checkOpen();
    return this.#received.senders();
  }

  async reopenInbox(place: number): Promise<PendingEntry> {
    this.#commits.checkOpen();
    checkPlaces([place]);
    return this.#commits.run(() => {
      const [row] = this.#reader.rowsAt([place]);
      const isDead = row !== undefined && !row.pending && this.#reader.factsOf([row]).of(row).state === "dead-lettered";
      if (!isDead || row.direction === "out")
        throw new ParleyError("not_found", { message: "No dead-lettered envelope has this place." });
      const { peer, device = "", epoch, seq, bytes } = row;
      this.#receivedHoldings.checkRoom(1, bytes);
      this.#database
        .statement(`UPDATE entry SET outcome = ?, attempts = 0, flags = flags | ${redeliveredBit} WHERE place = ?`)
        .run(outcomes.pending, place);
      this.#database
        .statement("DELETE FROM entry_fact WHERE place = ? AND state = ?")
        .run(place, stateCode("dead-lettered"));
      this.#history.subtract(bytes);
      this.#tally.set("oldest", Math.min(this.#tally.get("oldest"), place));
      this.#received.add({
        sender: peer,
        device,
        epoch,
        seq,
        place,
        bytes,
        attempts: 0,
        isNoted: this.#isNoted(place),
      });
      return this.#pendingAt(place);
    }, rowBytes);
  }

  async forgetInbound(stream: InboundStreamId): Promise<void> {
    this.#commits.checkOpen();
    checkInboundStream(stream);
    await this.#commits.run(() => this.#inbound.forget(stream), rowBytes);
  }

  async deliveries(query: DeliveryQuery = {}): Promise<DeliveryPage> {
    this.#commits.checkOpen();
    return this.#reader.page(checkDeliveryQuery(query), async () => {
      await nextTurn();
      this.#commits.checkOpen();
    });
  }

  async removeDeliveries(places: readonly number[]): Promise<void> {
    this.#commits.checkOpen();
    checkPlaces(places);
    await this.#commits.run(() => {
      if (!this.#history.remove(places)) throw new ParleyError("conflict", { message: "One of them is pending." });
    }, rowBytes);
  }

  async importHistory(records: readonly DeliveryRecord[]): Promise<void> {
    this.#commits.checkOpen();
    checkImport(records);
    const bytes = records.reduce((sum, { body }) => sum + body.byteLength + rowBytes, 0);
    await this.#commits.run(() => {
      for (const record of records) this.#import(record);
    }, bytes);
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
      const epoch = makeEpoch(this.#random);
      this.#renumber(epoch);
      this.#saveEpoch(epoch);
      this.#commits.afterCommit(() => (this.#epoch = epoch));
      return epoch;
    }, rowBytes);
  }

  async close(): Promise<void> {
    this.#commitsSinceMark = commitsPerMark;
    this.#commits.runLater(() => undefined);
    this.#commits.close();
    this.#database.close();
  }

  get #insert(): ReturnType<Database["statement"]> {
    return this.#database.statement(`INSERT OR IGNORE INTO entry (${entryColumns}) VALUES (${entryMarks})`);
  }

  /** False if it came before: a stream came back after it was forgotten. */
  #receive(stream: InboundStreamId, id: number, entry: ReceivedEntry): boolean {
    const { seq, receivedAt, envelope, path, redelivered } = entry;
    const place = this.#tally.next("place");
    const values = envelopeValues(envelope, redelivered === true ? redeliveredBit : 0);
    const insert = (): boolean => {
      const head = [place, 0, id, seq, receivedAt, outcomes.pending, receivedAt, pathCode(path), 0];
      return this.#insert.run(...head, ...values).changes !== 0;
    };
    if (!insert() && !(this.#removeImported(id, seq) && insert())) return false;
    const { sender, device, epoch } = stream;
    const bytes = envelope.body.byteLength;
    this.#received.add({ sender, device, epoch, seq, place, bytes, attempts: 0, isNoted: false });
    return true;
  }

  /** Makes room for what another device told of and is now received here. */
  #removeImported(stream: number, seq: number): boolean {
    const row = this.#database
      .statement("SELECT place FROM entry WHERE outgoing = 0 AND stream = ? AND seq = ? AND outcome = ?")
      .get(stream, seq, outcomes.imported);
    return row !== undefined && this.#history.remove([numberIn(row, "place")]);
  }

  #outboxAt(places: readonly number[]): readonly OutboxEntry[] {
    const rows = this.#reader.rowsAt(places);
    const noted = this.#reader.factsOf(rows);
    const select = this.#database.statement(
      `SELECT recipient, ${envelopeColumns} FROM entry JOIN outbound ON outbound.id = stream WHERE place = ?`,
    );
    return rows.map((row) => {
      const { facts, state } = noted.of(row);
      const found = select.get(row.place) ?? {};
      const { seq, epoch } = row;
      return {
        recipient: textIn(found, "recipient"),
        seq,
        epoch,
        at: facts[0]?.at ?? row.created,
        state,
        envelope: envelopeOf(found),
      };
    });
  }

  #pendingAt(place: number): PendingEntry {
    const [row] = this.#reader.rowsAt([place]);
    const found = this.#database.statement(`SELECT ${envelopeColumns} FROM entry WHERE place = ?`).get(place);
    if (row === undefined || found === undefined) throw new ParleyError("storage_unavailable");
    const { peer, device = "", epoch, seq, first, attempts } = row;
    return {
      sender: peer,
      device,
      epoch,
      seq,
      receivedAt: first.at,
      envelope: envelopeOf(found),
      ...(first.path === undefined ? {} : { path: first.path }),
      place,
      attempts,
      redelivered: row.redelivered || place <= this.#oldPlaces,
    };
  }

  #placeOf(entry: InboundPlace): number | undefined {
    const id = this.#inbound.idOf(entry);
    if (id === undefined) return undefined;
    const row = this.#database
      .statement("SELECT place FROM entry WHERE outgoing = 0 AND stream = ? AND seq = ?")
      .get(id, entry.seq);
    return row === undefined ? undefined : numberIn(row, "place");
  }

  #isNoted(place: number): boolean {
    return this.#database.statement("SELECT 1 FROM entry_fact WHERE place = ?").get(place) !== undefined;
  }

  /** Adds a fact to one entry, unless it may not follow those that are there. */
  #noteEntry(place: number, fact: DeliveryFact): void {
    const [row] = this.#reader.rowsAt([place]);
    if (row === undefined) return;
    const { facts } = this.#reader.factsOf([row]).of(row);
    const last = facts.at(-1);
    if (last !== undefined && mayFollow(last.state, fact.state)) this.#insertFact(place, fact);
  }

  #insertFact(place: number, fact: DeliveryFact, receipt?: Uint8Array): void {
    this.#database
      .statement(`INSERT OR IGNORE INTO entry_fact (place, state, ${factColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
      .run(place, stateCode(fact.state), ...factValues(fact, receipt));
  }

  #import(record: DeliveryRecord): void {
    const { direction, peer, device = "", id, epoch, seq, kind, created, expires, body, facts, receipts } = record;
    const { epoch: firstEpoch, seq: firstSeq } = placeIn(id);
    const same = this.#reader.withId(firstEpoch, firstSeq);
    if (same.some((known) => known.direction === direction && known.peer === peer)) return;
    const [first] = facts;
    if (first === undefined) return;
    const isSent = direction === "out";
    const stream = isSent
      ? this.#outbound.foreign(peer, epoch)
      : this.#inbound.idOrNew({ sender: peer, device, epoch });
    const origin = id === envelopeId(epoch, seq) ? undefined : { epoch: firstEpoch, seq: firstSeq };
    const ttl = expires === undefined ? 0 : expires - created;
    const envelope = { kind, critical: false, more: false, created, ttl, hops: 0, trace: undefined, origin, body };
    const values = envelopeValues(envelope, record.redelivered ? redeliveredBit : 0);
    const place = this.#tally.next("place");
    const { at, path } = first;
    const { changes } = this.#insert.run(
      place,
      isSent ? 1 : 0,
      stream,
      seq,
      at,
      outcomes.imported,
      at,
      pathCode(path),
      record.attempts,
      ...values,
    );
    if (changes === 0) return;
    for (const fact of facts) this.#insertFact(place, boundedFact(fact), receipts.get(fact.state));
    this.#history.add(1, body.byteLength, place);
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

  /** What is pending moves to new rows, whose numbers start at 1, and takes its facts along. */
  #renumber(epoch: string): void {
    this.#outbound.save();
    const streams = this.#outbound.ledger.streams().filter(({ pending }) => pending.length > 0);
    this.#outbound.retireAll();
    const move = this.#database.statement(
      `UPDATE entry SET stream = ?, seq = ?, origin_seq = coalesce(origin_seq, seq), origin_epoch = coalesce(origin_epoch, ?)
       WHERE place = ?`,
    );
    for (const { row, pending } of streams) {
      const rows = this.#reader.rowsAt(pending.map(({ place }) => place));
      this.#keepFacts(rows);
      for (const sent of pending) {
        const { ledger } = this.#outbound;
        const seq = (ledger.rowsOf(row.recipient).at(-1)?.lastSeq ?? 0) + 1;
        const make = (): number => this.#outbound.make(row.recipient, epoch, seq);
        const moved = ledger.append(row.recipient, epoch, { ...sent, seq }, make);
        move.run(moved.row.id, seq, row.epoch, sent.place);
      }
      this.#ranges.trim(row.id);
      this.#outbound.release(row.id);
    }
  }

  #keepFacts(rows: readonly DeliveryRow[]): void {
    const noted = this.#reader.factsOf(rows);
    for (const row of rows) {
      const { facts, receipts } = noted.of(row);
      for (const fact of facts.slice(1)) this.#insertFact(row.place, fact, receipts.get(fact.state));
    }
  }

  #readReceived(): void {
    this.#received.clear();
    const rows = this.#database
      .statement(
        `SELECT place, sender, device, epoch, entry.seq AS seq, attempts, length(body) AS bytes,
           EXISTS (SELECT 1 FROM entry_fact WHERE entry_fact.place = entry.place) AS noted
         FROM entry JOIN inbound ON inbound.id = stream
         WHERE place >= ? AND outgoing = 0 AND outcome = 0 ORDER BY place`,
      )
      .all(this.#tally.get("oldest"));
    for (const row of rows) this.#received.add(pendingReceivedOf(row));
  }

  #mark(): void {
    if (++this.#commitsSinceMark < commitsPerMark) return;
    this.#commitsSinceMark = 0;
    this.#tally.set("oldest", this.#received.lowestPlace() ?? this.#tally.get("place") + 1);
  }

  #readEpoch(): string | undefined {
    const row = this.#database.statement("SELECT value FROM setting WHERE name = 'epoch'").get();
    return row === undefined ? undefined : textIn(row, "value");
  }

  #writeEpoch(): string {
    const epoch = makeEpoch(this.#random);
    this.#saveEpoch(epoch);
    return epoch;
  }

  #saveEpoch(epoch: string): void {
    this.#database.statement("INSERT OR REPLACE INTO setting (name, value) VALUES ('epoch', ?)").run(epoch);
  }
}

const pendingReceivedOf = (row: Row): PendingReceived => ({
  sender: textIn(row, "sender"),
  device: textIn(row, "device"),
  epoch: textIn(row, "epoch"),
  seq: numberIn(row, "seq"),
  place: numberIn(row, "place"),
  bytes: numberIn(row, "bytes"),
  attempts: numberIn(row, "attempts"),
  isNoted: numberIn(row, "noted") === 1,
});
