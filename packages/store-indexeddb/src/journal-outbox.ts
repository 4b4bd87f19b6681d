import type { DeliveryRow, JournalOutbox, NewOutboxEntry, OutboxEntry, Random, SentFact } from "@parley/core";
import { makeEpoch } from "@parley/core";

import type { Transaction } from "./database.ts";
import { addEntry, changeEntry, entryBytes, wholeEntry } from "./entries.ts";
import { notedOf, noteSent, putFact, trimSent } from "./facts.ts";
import type { JournalStores } from "./journal-stores.ts";
import { rowOf } from "./reader.ts";
import type { EntryRow } from "./rows.ts";

const epochKey = "epoch";

/** What this device sent. */
export class IndexedDbOutbox implements JournalOutbox {
  readonly #stores: JournalStores;
  readonly #random: Random;
  #epoch = "";

  constructor(stores: JournalStores, random: Random) {
    this.#stores = stores;
    this.#random = random;
  }

  get epoch(): string {
    return this.#epoch;
  }

  lastSeqs(): ReadonlyMap<string, number> {
    return this.#stores.outbound.ledger.lastSeqs();
  }

  /** In append order. */
  pending(): Promise<readonly OutboxEntry[]> {
    return this.#stores.commits.read(async (transaction) => {
      const entries: OutboxEntry[] = [];
      for (const { row, entry } of this.#stores.outbound.ledger.pending()) {
        const found = await wholeEntry(transaction, entry.place);
        if (found === undefined) continue;
        const { seq, epoch } = found.row;
        const { state } = (await notedOf(transaction, [found.row])).of(found.row);
        entries.push({ recipient: row.recipient, seq, epoch, at: found.entry.at, state, envelope: found.envelope });
      }
      return entries;
    });
  }

  append(entry: NewOutboxEntry): Promise<void> {
    const { recipient, seq, envelope, at = envelope.created } = entry;
    const { commits, outbound, tally } = this.#stores;
    const bytes = envelope.body.byteLength;
    return commits.run((transaction) => {
      const { ledger } = outbound;
      ledger.check(recipient, seq, bytes);
      const place = tally.next("place");
      const sent = { seq, place, bytes, more: envelope.more };
      const { row, isTail } = ledger.append(recipient, entry.epoch ?? this.#epoch, sent, () => outbound.make());
      addEntry(transaction, envelope, { place, outgoing: 1, stream: row.id, seq, at, isTail });
    }, bytes + entryBytes);
  }

  note(recipient: string, noted: SentFact): Promise<void> {
    const { commits, outbound, tally } = this.#stores;
    return commits.run(async (transaction) => {
      for (const row of outbound.ledger.rowsOf(recipient)) await noteSent(transaction, tally, row, noted);
    }, entryBytes);
  }

  settle(recipient: string, upToSeq: number): Promise<void> {
    const { commits, outbound, history } = this.#stores;
    return commits.run(() => {
      for (const { entries, bytes } of outbound.ledger.settle(recipient, upToSeq))
        history.add(entries.length, bytes, entries[0]?.place ?? 0);
    }, entryBytes);
  }

  drop(recipient: string, seq: number): Promise<void> {
    const { commits, outbound, history } = this.#stores;
    return commits.run(async (transaction) => {
      const dropped = outbound.ledger.drop(recipient, seq);
      if (dropped === undefined) return;
      const { place, bytes } = dropped.entry;
      await changeEntry(transaction, place, { outcome: "dropped" });
      history.add(1, bytes, place);
    }, entryBytes);
  }

  async newEpoch(): Promise<string> {
    const epoch = makeEpoch(this.#random);
    await this.#stores.commits.run(async (transaction) => {
      await this.#renumber(transaction, epoch);
      transaction.put("settings", epoch, epochKey);
    }, entryBytes);
    this.#epoch = epoch;
    return epoch;
  }

  /** Reads the epoch, or makes that of a new journal. */
  async readEpoch(transaction: Transaction): Promise<void> {
    const epoch = await transaction.get<string>("settings", epochKey);
    this.#epoch = epoch ?? makeEpoch(this.#random);
    if (epoch === undefined) transaction.put("settings", this.#epoch, epochKey);
  }

  /** What is pending moves to new rows, whose numbers start at 1, and takes its facts along. */
  async #renumber(transaction: Transaction, epoch: string): Promise<void> {
    const { outbound } = this.#stores;
    const { ledger } = outbound;
    const streams = ledger.streams();
    outbound.save(transaction);
    outbound.retireAll(transaction);
    for (const { row, pending } of streams) {
      for (const sent of pending) {
        const known = await transaction.get<EntryRow>("entries", sent.place);
        if (known === undefined) continue;
        const delivery = await rowOf(transaction, known);
        if (delivery !== undefined) await this.#keepFacts(transaction, delivery);
        const seq = ledger.nextSeq(row.recipient);
        const moved = ledger.append(row.recipient, epoch, { ...sent, seq }, () => outbound.make());
        const origin = known.origin ?? [row.epoch, known.seq];
        transaction.put("entries", { ...known, stream: moved.row.id, seq, origin });
      }
      await trimSent(transaction, row.id);
      await outbound.release(transaction, row.id);
    }
  }

  async #keepFacts(transaction: Transaction, row: DeliveryRow): Promise<void> {
    const { facts, receipts } = (await notedOf(transaction, [row])).of(row);
    for (const fact of facts.slice(1)) putFact(transaction, row.place, fact, receipts.get(fact.state));
  }
}
