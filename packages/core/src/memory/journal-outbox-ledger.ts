import { ParleyError } from "@parley/protocol";

import { maxJournalRecipients } from "../ports/journal.ts";
import type { Holdings } from "./journal-holdings.ts";

/** A numbering towards one recipient under one epoch. */
export interface OutboundRow {
  readonly id: number;
  readonly recipient: string;
  readonly epoch: string;
  lastSeq: number;
  /** Everything up to here is history. */
  settled: number;
}

/** An entry of the outbox, without what it carries. */
export interface PendingSent {
  readonly seq: number;
  readonly place: number;
  readonly bytes: number;
  /** The body goes on in the next entry. */
  readonly more: boolean;
}

interface Stream {
  readonly row: OutboundRow;
  /** Ascending. */
  readonly pending: PendingSent[];
}

/** What left the outbox, and the stream that it was in. */
export interface LeftOutbox {
  readonly row: OutboundRow;
  readonly entries: readonly PendingSent[];
  /** Of the entries. */
  readonly bytes: number;
}

/** What is pending in an outbox, in memory beside the rows of an adapter, which saves the rows that changed. */
export class OutboxLedger {
  readonly #holdings: Holdings;
  /** The streams of a recipient: one, unless its caller changed the epoch. The last one takes new entries. */
  readonly #recipients = new Map<string, Stream[]>();
  readonly #rows = new Map<number, OutboundRow>();
  readonly #changed = new Set<OutboundRow>();

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  clear(): void {
    this.#recipients.clear();
    this.#rows.clear();
    this.#changed.clear();
    this.#holdings.reset(0, 0);
  }

  /** Takes a row, in the order in which rows were made, with what is pending of it, ascending. */
  restore(row: OutboundRow, pending: readonly PendingSent[]): void {
    const streams = this.#recipients.get(row.recipient) ?? [];
    streams.push({ row, pending: [...pending] });
    this.#recipients.set(row.recipient, streams);
    this.#rows.set(row.id, row);
    this.#holdings.add(pending.length, bytesOf(pending));
  }

  lastSeqs(): ReadonlyMap<string, number> {
    return new Map([...this.#recipients.keys()].map((recipient) => [recipient, this.#lastSeq(recipient) ?? 0]));
  }

  /** Every row in use, and what is pending of it. */
  streams(): readonly Stream[] {
    return [...this.#recipients.values()].flat();
  }

  /** Everything pending, in append order. */
  pending(): readonly { readonly row: OutboundRow; readonly entry: PendingSent }[] {
    const all = this.streams().flatMap(({ row, pending }) => pending.map((entry) => ({ row, entry })));
    return all.sort((left, right) => left.entry.place - right.entry.place);
  }

  /** Entries of bodies whose end was not kept, which were never accepted. */
  halfBodies(): readonly PendingSent[] {
    return this.streams().flatMap(({ pending }) => {
      let next: PendingSent | undefined;
      return [...pending].reverse().filter((entry) => {
        const isHalf = entry.more && next?.seq !== entry.seq + 1;
        if (!isHalf) next = entry;
        return isHalf;
      });
    });
  }

  /** Up to where a row in use is history; undefined for one that is history as a whole. */
  settledOf(id: number): number | undefined {
    return this.#rows.get(id)?.settled;
  }

  /** The number after the recipient's last. */
  nextSeq(recipient: string): number {
    return (this.#lastSeq(recipient) ?? 0) + 1;
  }

  rowsOf(recipient: string): readonly OutboundRow[] {
    return (this.#recipients.get(recipient) ?? []).map(({ row }) => row);
  }

  /** Throws `conflict` or `limit_reached` if the entry cannot be the recipient's next. */
  check(recipient: string, seq: number, bytes: number): void {
    const last = this.#lastSeq(recipient);
    if (seq <= (last ?? 0)) throw new ParleyError("conflict", { data: { last } });
    if (last === undefined && this.#recipients.size >= maxJournalRecipients)
      throw new ParleyError("limit_reached", { data: { maxJournalRecipients } });
    this.#holdings.checkRoom(1, bytes);
  }

  /**
   * Takes an entry that `check` let pass. `make` is called for a stream that is not there yet. `isTail`: it ends a body of several entries.
   */
  append(
    recipient: string,
    epoch: string,
    entry: PendingSent,
    make: () => number,
  ): { readonly row: OutboundRow; readonly isTail: boolean } {
    const streams = this.#recipients.get(recipient) ?? [];
    const last = streams.at(-1);
    const isTail = !entry.more && last?.pending.at(-1)?.more === true && last.pending.at(-1)?.seq === entry.seq - 1;
    let stream = last;
    if (stream === undefined || stream.row.epoch !== epoch) {
      const row = { id: make(), recipient, epoch, lastSeq: entry.seq, settled: entry.seq - 1 };
      stream = { row, pending: [] };
      this.#rows.set(row.id, row);
      streams.push(stream);
      this.#recipients.set(recipient, streams);
    }
    stream.pending.push(entry);
    stream.row.lastSeq = entry.seq;
    this.#changed.add(stream.row);
    this.#holdings.add(1, entry.bytes);
    return { row: stream.row, isTail };
  }

  /** Takes whole bodies up to a number out. */
  settle(recipient: string, upToSeq: number): readonly LeftOutbox[] {
    const left: LeftOutbox[] = [];
    for (const { row, pending } of this.#recipients.get(recipient) ?? []) {
      const count = wholeUpTo(pending, upToSeq);
      const last = pending[count - 1];
      if (last === undefined) continue;
      const entries = pending.splice(0, count);
      row.settled = last.seq;
      this.#changed.add(row);
      const bytes = bytesOf(entries);
      this.#holdings.add(-entries.length, -bytes);
      left.push({ row, entries, bytes });
    }
    return left;
  }

  /** Takes one entry out; undefined if it is not pending. */
  drop(recipient: string, seq: number): { readonly row: OutboundRow; readonly entry: PendingSent } | undefined {
    for (const { row, pending } of this.#recipients.get(recipient) ?? []) {
      const index = placeOf(pending, seq);
      const entry = pending[index];
      if (entry?.seq !== seq) continue;
      pending.splice(index, 1);
      this.#holdings.add(-1, -entry.bytes);
      return { row, entry };
    }
    return undefined;
  }

  /** Rows to be saved, once. */
  takeChanged(): readonly OutboundRow[] {
    if (this.#changed.size === 0) return [];
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  #lastSeq(recipient: string): number | undefined {
    return this.#recipients.get(recipient)?.at(-1)?.row.lastSeq;
  }
}

const bytesOf = (entries: readonly PendingSent[]): number => entries.reduce((sum, { bytes }) => sum + bytes, 0);

/** How many of the first entries are of bodies that end at a number or before. */
function wholeUpTo(pending: readonly PendingSent[], upToSeq: number): number {
  let count = 0;
  for (const [index, { seq, more }] of pending.entries()) {
    if (seq > upToSeq) break;
    if (!more) count = index + 1;
  }
  return count;
}

/** Index of the first entry with a number at least this. */
function placeOf(pending: readonly PendingSent[], seq: number): number {
  let low = 0;
  let high = pending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pending[middle]?.seq ?? Infinity) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
