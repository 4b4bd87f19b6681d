import type { Holdings, PendingSent } from "@parley/core";
import { OutboxLedger } from "@parley/core";

import type { Companion } from "./commits.ts";
import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import type { EntryRow, OutboundStreamRow } from "./rows.ts";
import type { Tally } from "./tally.ts";

/** Entries of a stream, by number. */
export function numbersOf(outgoing: 0 | 1, stream: number, from = 0, to = Infinity): IDBKeyRange {
  return IDBKeyRange.bound([outgoing, stream, from], [outgoing, stream, to]);
}

/** The outbound streams and what is pending of them: in memory, changed rows written at most once per commit. */
export class OutboundStreams implements Companion {
  readonly ledger: OutboxLedger;
  readonly #tally: Tally;

  constructor(holdings: Holdings, tally: Tally) {
    this.ledger = new OutboxLedger(holdings);
    this.#tally = tally;
  }

  /** The number of a new stream, whose row `save` writes. */
  make(): number {
    return this.#tally.next("stream");
  }

  /** The row of history that another device sent under this epoch. */
  async foreign(transaction: Transaction, recipient: string, epoch: string): Promise<number> {
    const key = IDBKeyRange.only([recipient, epoch]);
    const rows = await transaction.by<OutboundStreamRow>("outbound", "recipient", key);
    const known = rows.find(({ current }) => current === 0);
    if (known !== undefined) return known.id;
    const id = this.make();
    transaction.put("outbound", { id, recipient, epoch, lastSeq: 0, settled: 0, current: 0 });
    return id;
  }

  /** Every row belongs to history now. */
  retireAll(transaction: Transaction): void {
    for (const { row } of this.ledger.streams()) transaction.put("outbound", { ...row, current: 0 });
    this.ledger.clear();
  }

  /** Removes a row of history of which no entry is kept. */
  async release(transaction: Transaction, id: number): Promise<void> {
    const row = await transaction.get<OutboundStreamRow>("outbound", id);
    if (row?.current !== 0) return;
    const left = await done(transaction.store("entries").index("stream").count(numbersOf(1, id)));
    if (left === 0) transaction.delete("outbound", id);
  }

  save(transaction: Transaction): void {
    for (const row of this.ledger.takeChanged()) transaction.put("outbound", { ...row, current: 1 });
  }

  async reset(transaction: Transaction): Promise<void> {
    this.ledger.clear();
    for (const row of await transaction.all<OutboundStreamRow>("outbound")) {
      if (row.current === 0) continue;
      const { id, recipient, epoch, lastSeq, settled } = row;
      const entries =
        lastSeq === settled ? [] : await transaction.by<EntryRow>("entries", "stream", numbersOf(1, id, settled + 1));
      const pending = entries.filter(({ outcome }) => outcome === "pending").map(pendingSentOf);
      this.ledger.restore({ id, recipient, epoch, lastSeq, settled }, pending);
    }
  }

  /** A body whose end was not written was never accepted. */
  dropHalfBodies(transaction: Transaction): void {
    for (const { place } of this.ledger.halfBodies())
      for (const store of ["entries", "bodies"] as const) transaction.delete(store, place);
  }
}

const pendingSentOf = ({ seq, place, bytes, envelope }: EntryRow): PendingSent => ({
  seq,
  place,
  bytes,
  more: envelope.more,
});
