import type { Holdings, OutboundRow, PendingSent } from "@parley/core";
import { OutboxLedger } from "@parley/core";

import type { Row } from "./column.ts";
import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import { moreBit } from "./envelope-row.ts";
import type { Companion } from "./group-commit.ts";

/** The outbound streams and what is pending of them: in memory, changed rows written at most once per commit. */
export class OutboundTable implements Companion {
  readonly #database: Database;
  readonly ledger: OutboxLedger;

  constructor(database: Database, holdings: Holdings) {
    this.#database = database;
    this.ledger = new OutboxLedger(holdings);
    database
      .statement(
        `DELETE FROM outbound WHERE current = 0
           AND NOT EXISTS (SELECT 1 FROM entry WHERE outgoing = 1 AND stream = outbound.id)`,
      )
      .run();
    this.reset();
    this.#dropHalfBodies();
  }

  /** A new row. Only inside a transaction, as everything below. */
  make(recipient: string, epoch: string, seq: number): number {
    const { lastInsertRowid } = this.#database
      .statement("INSERT INTO outbound (recipient, epoch, last_seq, settled, current) VALUES (?, ?, ?, ?, 1)")
      .run(recipient, epoch, seq, seq - 1);
    return Number(lastInsertRowid);
  }

  /** The row of history that another device sent under this epoch. */
  foreign(recipient: string, epoch: string): number {
    const row = this.#database
      .statement("SELECT id FROM outbound WHERE recipient = ? AND epoch = ? AND current = 0")
      .get(recipient, epoch);
    if (row !== undefined) return numberIn(row, "id");
    const { lastInsertRowid } = this.#database
      .statement("INSERT INTO outbound (recipient, epoch, last_seq, settled, current) VALUES (?, ?, 0, 0, 0)")
      .run(recipient, epoch);
    return Number(lastInsertRowid);
  }

  /** Every row belongs to history now. */
  retireAll(): void {
    this.ledger.clear();
    this.#database.statement("UPDATE outbound SET current = 0 WHERE current = 1").run();
  }

  /** Removes a row of history of which no entry is kept. */
  release(id: number): void {
    this.#database
      .statement(
        `DELETE FROM outbound WHERE id = ? AND current = 0
           AND NOT EXISTS (SELECT 1 FROM entry WHERE outgoing = 1 AND stream = outbound.id)`,
      )
      .run(id);
  }

  save(): void {
    const update = this.#database.statement("UPDATE outbound SET last_seq = ?, settled = ? WHERE id = ?");
    for (const { lastSeq, settled, id } of this.ledger.takeChanged()) update.run(lastSeq, settled, id);
  }

  reset(): void {
    this.ledger.clear();
    const rows = this.#database
      .statement("SELECT id, recipient, epoch, last_seq, settled FROM outbound WHERE current = 1 ORDER BY id")
      .all();
    const pending = this.#database.statement(
      `SELECT place, seq, flags, length(body) AS bytes FROM entry
       WHERE outgoing = 1 AND stream = ? AND seq > ? AND outcome = 0 ORDER BY seq`,
    );
    for (const row of rows.map(outboundRowOf))
      this.ledger.restore(row, pending.all(row.id, row.settled).map(pendingSentOf));
  }

  /** A body whose end is not on disk was never accepted. */
  #dropHalfBodies(): void {
    const remove = this.#database.statement("DELETE FROM entry WHERE place = ?");
    for (const { place } of this.ledger.halfBodies()) remove.run(place);
    this.reset();
  }
}

const outboundRowOf = (row: Row): OutboundRow => ({
  id: numberIn(row, "id"),
  recipient: textIn(row, "recipient"),
  epoch: textIn(row, "epoch"),
  lastSeq: numberIn(row, "last_seq"),
  settled: numberIn(row, "settled"),
});

const pendingSentOf = (row: Row): PendingSent => ({
  seq: numberIn(row, "seq"),
  place: numberIn(row, "place"),
  bytes: numberIn(row, "bytes"),
  more: (numberIn(row, "flags") & moreBit) !== 0,
});
