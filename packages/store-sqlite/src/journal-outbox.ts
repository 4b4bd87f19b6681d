import type { DeliveryRow, JournalOutbox, NewOutboxEntry, OutboxEntry, Random, SentFact } from "@parley/core";
import { makeEpoch } from "@parley/core";

import { textIn } from "./column.ts";
import type { Database } from "./database.ts";
import { envelopeColumns, envelopeOf, tailBit } from "./envelope-row.ts";
import { outcomes } from "./journal-schema.ts";
import { entryBytes, type JournalTables } from "./journal-tables.ts";

/** Rows read in one go where all are wanted. */
const loadBatch = 256;

/** What this device sent. */
export class SqliteOutbox implements JournalOutbox {
  readonly #database: Database;
  readonly #tables: JournalTables;
  readonly #random: Random;
  #epoch: string;

  constructor(database: Database, tables: JournalTables, random: Random) {
    this.#database = database;
    this.#tables = tables;
    this.#random = random;
    this.#epoch = this.#readEpoch() ?? this.#writeEpoch();
  }

  get epoch(): string {
    return this.#epoch;
  }

  lastSeqs(): ReadonlyMap<string, number> {
    return this.#tables.outbound.ledger.lastSeqs();
  }

  /** In append order. */
  pending(): readonly OutboxEntry[] {
    const places = this.#tables.outbound.ledger.pending().map(({ entry }) => entry.place);
    const entries: OutboxEntry[] = [];
    for (let from = 0; from < places.length; from += loadBatch)
      entries.push(...this.#database.read(() => this.#entriesAt(places.slice(from, from + loadBatch))));
    return entries;
  }

  append(entry: NewOutboxEntry): Promise<void> {
    const { recipient, seq, envelope, at = envelope.created } = entry;
    const { commits, outbound, tally, entries } = this.#tables;
    const bytes = envelope.body.byteLength;
    return commits.run(() => {
      const { ledger } = outbound;
      ledger.check(recipient, seq, bytes);
      const epoch = entry.epoch ?? this.#epoch;
      const place = tally.next("place");
      const sent = { seq, place, bytes, more: envelope.more };
      const { row, isTail } = ledger.append(recipient, epoch, sent, () => outbound.make(recipient, epoch, seq));
      entries.insert({ place, isSent: true, stream: row.id, seq, at, mark: isTail ? tailBit : 0 }, envelope);
    }, bytes + entryBytes);
  }

  note(recipient: string, noted: SentFact): Promise<void> {
    const { commits, outbound, ranges } = this.#tables;
    return commits.run(() => {
      for (const row of outbound.ledger.rowsOf(recipient)) ranges.note(row, noted);
    }, entryBytes);
  }

  settle(recipient: string, upToSeq: number): Promise<void> {
    const { commits, outbound, history } = this.#tables;
    return commits.run(() => {
      for (const { entries, bytes } of outbound.ledger.settle(recipient, upToSeq))
        history.add(entries.length, bytes, entries[0]?.place ?? 0);
    }, entryBytes);
  }

  drop(recipient: string, seq: number): Promise<void> {
    const { commits, outbound, entries, history } = this.#tables;
    return commits.run(() => {
      const dropped = outbound.ledger.drop(recipient, seq);
      if (dropped === undefined) return;
      const { place, bytes } = dropped.entry;
      entries.setOutcome(place, outcomes.dropped);
      history.add(1, bytes, place);
    }, entryBytes);
  }

  newEpoch(): Promise<string> {
    const { commits } = this.#tables;
    return commits.run(() => {
      const epoch = makeEpoch(this.#random);
      this.#renumber(epoch);
      this.#saveEpoch(epoch);
      commits.afterCommit(() => (this.#epoch = epoch));
      return epoch;
    }, entryBytes);
  }

  #entriesAt(places: readonly number[]): readonly OutboxEntry[] {
    const { reader } = this.#tables;
    const rows = reader.rowsAt(places);
    const noted = reader.factsOf(rows);
    const select = this.#database.statement(
      `SELECT recipient, ${envelopeColumns} FROM entry JOIN outbound ON outbound.id = stream WHERE place = ?`,
    );
    return rows.map((row) => {
      const { facts, state } = noted.of(row);
      const found = select.get(row.place) ?? {};
      const { seq, epoch } = row;
      const at = facts[0]?.at ?? row.created;
      return { recipient: textIn(found, "recipient"), seq, epoch, at, state, envelope: envelopeOf(found) };
    });
  }

  /** What is pending moves to new rows, whose numbers start at 1, and takes its facts along. */
  #renumber(epoch: string): void {
    const { outbound, reader, ranges } = this.#tables;
    const { ledger } = outbound;
    outbound.save();
    const streams = ledger.streams().filter(({ pending }) => pending.length > 0);
    outbound.retireAll();
    const move = this.#database.statement(
      `UPDATE entry SET stream = ?, seq = ?, origin_seq = coalesce(origin_seq, seq), origin_epoch = coalesce(origin_epoch, ?)
       WHERE place = ?`,
    );
    for (const { row, pending } of streams) {
      this.#keepFacts(reader.rowsAt(pending.map(({ place }) => place)));
      for (const sent of pending) {
        const seq = ledger.nextSeq(row.recipient);
        const make = (): number => outbound.make(row.recipient, epoch, seq);
        const moved = ledger.append(row.recipient, epoch, { ...sent, seq }, make);
        move.run(moved.row.id, seq, row.epoch, sent.place);
      }
      ranges.trim(row.id);
      outbound.release(row.id);
    }
  }

  #keepFacts(rows: readonly DeliveryRow[]): void {
    const { reader, entries } = this.#tables;
    const noted = reader.factsOf(rows);
    for (const row of rows) {
      const { facts, receipts } = noted.of(row);
      for (const fact of facts.slice(1)) entries.putFact(row.place, fact, receipts.get(fact.state));
    }
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
