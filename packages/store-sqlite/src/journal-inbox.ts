import type {
  DeliveryFact,
  Holdings,
  InboundPlace,
  InboundStreamId,
  JournalInbox,
  PendingEntry,
  PendingQuery,
  PendingReceived,
  ReceivedEntry,
} from "@parley/core";
import { InboxLedger, isPlainlyHandled, pendingEntryOf, pendingReceivedOf } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Row } from "./column.ts";
import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import { redeliveredBit } from "./envelope-row.ts";
import { stateCode } from "./fact-row.ts";
import type { Companion } from "./group-commit.ts";
import { outcomes } from "./journal-schema.ts";
import { entryBytes, type JournalTables } from "./journal-tables.ts";

/** After so many commits the place is written down before which nothing received is pending. */
const commitsPerMark = 512;

/** What this device received. */
export class SqliteInbox implements JournalInbox, Companion {
  readonly #database: Database;
  readonly #tables: JournalTables;
  readonly #holdings: Holdings;
  readonly #ledger: InboxLedger;
  /** Places up to this one were there when the journal was opened. */
  readonly #oldPlaces: number;
  #commitsSinceMark = 0;

  constructor(database: Database, tables: JournalTables, holdings: Holdings) {
    this.#database = database;
    this.#tables = tables;
    this.#holdings = holdings;
    this.#ledger = new InboxLedger(holdings);
    this.#oldPlaces = tables.tally.get("place");
    this.reset();
  }

  commit(
    stream: InboundStreamId,
    seq: number,
    entries: readonly ReceivedEntry[],
    bytes: number,
  ): Promise<readonly number[]> {
    const { commits, inbound } = this.#tables;
    return commits.run(
      () => {
        inbound.cursors.check(stream, seq, entries[0]?.seq);
        this.#holdings.checkRoom(entries.length, bytes);
        const id = inbound.move(stream, seq);
        const known: number[] = [];
        for (const entry of entries) if (!this.#receive(stream, id, entry)) known.push(entry.seq);
        return known;
      },
      bytes + entryBytes * (entries.length + 1),
    );
  }

  settle(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    const { commits, entries, history } = this.#tables;
    return commits.run(() => {
      const pending = this.#ledger.remove(entry);
      if (pending === undefined) return;
      const { place, bytes, isNoted } = pending;
      if (isPlainlyHandled(fact) && !isNoted) {
        this.#database
          .statement("UPDATE entry SET outcome = ?, settled_at = ? WHERE place = ?")
          .run(outcomes.handled, fact.at, place);
      } else {
        entries.note(place, fact);
        entries.setOutcome(place, outcomes.noted);
      }
      history.add(1, bytes, place);
    }, entryBytes);
  }

  note(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    const { commits, entries, inbound } = this.#tables;
    return commits.run(() => {
      const pending = this.#ledger.find(entry);
      const stream = pending === undefined ? inbound.idOf(entry) : undefined;
      const place = stream === undefined ? pending?.place : entries.placeOf(stream, entry.seq);
      if (place === undefined) return;
      entries.note(place, fact);
      if (pending !== undefined) pending.isNoted = true;
    }, entryBytes);
  }

  noteAttempt(entry: InboundPlace): Promise<number> {
    return this.#tables.commits.run(() => {
      const pending = this.#ledger.find(entry);
      if (pending === undefined) return 0;
      pending.attempts++;
      this.#database.statement("UPDATE entry SET attempts = ? WHERE place = ?").run(pending.attempts, pending.place);
      return pending.attempts;
    }, entryBytes);
  }

  pending(query: PendingQuery): readonly PendingEntry[] {
    return this.#database.read(() => this.#ledger.page(query).map(({ place }) => this.#entryAt(place)));
  }

  senders(): readonly string[] {
    return this.#ledger.senders();
  }

  reopen(place: number): Promise<PendingEntry | undefined> {
    const { commits, entries, history, reader, tally } = this.#tables;
    return commits.run(() => {
      const row = entries.rowAt(place);
      const isDead = row !== undefined && !row.pending && reader.factsOf([row]).of(row).state === "dead-lettered";
      if (!isDead || row.direction === "out") return undefined;
      this.#holdings.checkRoom(1, row.bytes);
      this.#database
        .statement(`UPDATE entry SET outcome = ?, attempts = 0, flags = flags | ${redeliveredBit} WHERE place = ?`)
        .run(outcomes.pending, place);
      this.#database
        .statement("DELETE FROM entry_fact WHERE place = ? AND state = ?")
        .run(place, stateCode("dead-lettered"));
      history.subtract(row.bytes);
      tally.set("oldest", Math.min(tally.get("oldest"), place));
      this.#ledger.add(pendingReceivedOf({ ...row, attempts: 0 }, entries.isNoted(place)));
      return this.#entryAt(place);
    }, entryBytes);
  }

  forget(stream: InboundStreamId): Promise<void> {
    const { commits, inbound } = this.#tables;
    return commits.run(() => inbound.forget(stream), entryBytes);
  }

  /** The next commit marks how far everything received is settled. */
  markNext(): void {
    this.#commitsSinceMark = commitsPerMark;
  }

  save(): void {
    if (++this.#commitsSinceMark < commitsPerMark) return;
    this.#commitsSinceMark = 0;
    const { tally } = this.#tables;
    tally.set("oldest", this.#ledger.lowestPlace() ?? tally.get("place") + 1);
  }

  reset(): void {
    this.#ledger.clear();
    const rows = this.#database
      .statement(
        `SELECT place, sender, device, epoch, entry.seq AS seq, attempts, length(body) AS bytes,
           EXISTS (SELECT 1 FROM entry_fact WHERE entry_fact.place = entry.place) AS noted
         FROM entry JOIN inbound ON inbound.id = stream
         WHERE place >= ? AND outgoing = 0 AND outcome = 0 ORDER BY place`,
      )
      .all(this.#tables.tally.get("oldest"));
    for (const row of rows) this.#ledger.add(receivedOf(row));
  }

  /** False if it came before: a stream came back after it was forgotten. */
  #receive(stream: InboundStreamId, id: number, received: ReceivedEntry): boolean {
    const { seq, receivedAt, envelope, path, redelivered } = received;
    const { entries, tally } = this.#tables;
    const place = tally.next("place");
    const mark = redelivered === true ? redeliveredBit : 0;
    const insert = (): boolean =>
      entries.insert({ place, isSent: false, stream: id, seq, at: receivedAt, path, mark }, envelope);
    if (!insert() && !(this.#removeImported(id, seq) && insert())) return false;
    const { sender, device, epoch } = stream;
    const bytes = envelope.body.byteLength;
    this.#ledger.add({ sender, device, epoch, seq, place, bytes, attempts: 0, isNoted: false });
    return true;
  }

  /** Makes room for what another device told of and is now received here. */
  #removeImported(stream: number, seq: number): boolean {
    const place = this.#tables.entries.placeOf(stream, seq, outcomes.imported);
    return place !== undefined && this.#tables.history.remove([place]);
  }

  #entryAt(place: number): PendingEntry {
    const { entries } = this.#tables;
    const row = entries.rowAt(place);
    if (row === undefined) throw new ParleyError("storage_unavailable");
    return pendingEntryOf(row, entries.envelopeAt(place), place <= this.#oldPlaces);
  }
}

const receivedOf = (row: Row): PendingReceived => ({
  sender: textIn(row, "sender"),
  device: textIn(row, "device"),
  epoch: textIn(row, "epoch"),
  seq: numberIn(row, "seq"),
  place: numberIn(row, "place"),
  bytes: numberIn(row, "bytes"),
  attempts: numberIn(row, "attempts"),
  isNoted: numberIn(row, "noted") === 1,
});
