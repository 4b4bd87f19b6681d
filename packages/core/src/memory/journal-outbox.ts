import type { Random } from "../ports/clock.ts";
import { makeEpoch } from "../ports/epoch.ts";
import type { NewOutboxEntry, OutboxEntry } from "../ports/journal.ts";
import type { MemoryEntries } from "./journal-entries.ts";
import type { MemoryEntry } from "./journal-entry.ts";
import type { Holdings } from "./journal-holdings.ts";
import { OutboxLedger } from "./journal-outbox-ledger.ts";
import type { JournalOutbox, SentFact } from "./journal-parts.ts";

/** What a memory journal sent. */
export class MemoryOutbox implements JournalOutbox {
  readonly #entries: MemoryEntries;
  readonly #ledger: OutboxLedger;
  readonly #random: Random;
  #epoch: string;
  #rows = 0;

  constructor(entries: MemoryEntries, holdings: Holdings, random: Random) {
    this.#entries = entries;
    this.#ledger = new OutboxLedger(holdings);
    this.#random = random;
    this.#epoch = makeEpoch(random);
  }

  get epoch(): string {
    return this.#epoch;
  }

  lastSeqs(): ReadonlyMap<string, number> {
    return this.#ledger.lastSeqs();
  }

  /** In append order. */
  pending(): readonly OutboxEntry[] {
    return this.#ledger.pending().map(({ entry: { place } }) => {
      const entry = this.#entries.at(place);
      const { party, seq, epoch, first, state } = entry;
      return { recipient: party, seq, epoch, at: first.at, state, envelope: entry.copyOfEnvelope() };
    });
  }

  append({ recipient, seq, envelope, at = envelope.created, epoch = this.#epoch }: NewOutboxEntry): void {
    const bytes = envelope.body.byteLength;
    this.#ledger.check(recipient, seq, bytes);
    const place = this.#entries.nextPlace();
    const sent = { seq, place, bytes, more: envelope.more };
    const { row, isTail } = this.#ledger.append(recipient, epoch, sent, () => ++this.#rows);
    const entry = this.#entries.add({
      place,
      direction: "out",
      party: recipient,
      device: undefined,
      epoch,
      seq,
      envelope,
      first: { state: "accepted", at },
      pending: true,
      redelivered: false,
    });
    this.#entries.keepSent(entry, row.id);
    if (isTail) this.#joinParts(entry);
  }

  note(recipient: string, { from, to, fact, receipt }: SentFact): void {
    for (const { id } of this.#ledger.rowsOf(recipient)) {
      const bySeq = this.#entries.sentOf(id);
      if (to - from > bySeq.size) {
        for (const [seq, entry] of bySeq) if (seq >= from && seq <= to) entry.note(fact, receipt);
      } else for (let seq = from; seq <= to; seq++) bySeq.get(seq)?.note(fact, receipt);
    }
  }

  settle(recipient: string, upToSeq: number): void {
    for (const { entries } of this.#ledger.settle(recipient, upToSeq))
      for (const { place } of entries) this.#entries.end(this.#entries.at(place));
    this.#entries.trim();
  }

  drop(recipient: string, seq: number): void {
    const dropped = this.#ledger.drop(recipient, seq);
    if (dropped === undefined) return;
    const entry = this.#entries.at(dropped.entry.place);
    entry.isDropped = true;
    this.#entries.end(entry);
    this.#entries.trim();
  }

  newEpoch(): string {
    const before = this.#ledger.streams().map(({ row, pending }) => ({ row, pending: [...pending] }));
    const epoch = makeEpoch(this.#random);
    this.#epoch = epoch;
    this.#ledger.clear();
    for (const { row, pending } of before) {
      for (const sent of pending) {
        const entry = this.#entries.at(sent.place);
        this.#entries.forgetSent(entry);
        const origin = entry.envelope.origin ?? { epoch: entry.epoch, seq: entry.seq };
        const seq = this.#ledger.nextSeq(row.recipient);
        const moved = this.#ledger.append(row.recipient, epoch, { ...sent, seq }, () => ++this.#rows);
        Object.assign(entry, { seq, epoch, envelope: { ...entry.envelope, origin } });
        this.#entries.keepSent(entry, moved.row.id);
      }
    }
    return epoch;
  }

  #joinParts(last: MemoryEntry): void {
    const bySeq = this.#entries.sentOf(last.row);
    const parts: MemoryEntry[] = [];
    for (let part = bySeq.get(last.seq - 1); part?.envelope.more === true; part = bySeq.get(part.seq - 1)) {
      part.end = last;
      parts.unshift(part);
    }
    last.parts = parts;
  }
}
