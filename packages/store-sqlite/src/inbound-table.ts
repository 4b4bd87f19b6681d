import type { InboundRow, InboundStreamId } from "@parley/core";
import { InboundCursors } from "@parley/core";

import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Companion } from "./group-commit.ts";

interface Row extends InboundRow {
  readonly id: number;
}

/** The inbound streams: their cursors in memory, changed rows written at most once per commit. */
export class InboundTable implements Companion {
  readonly #database: Database;
  readonly cursors = new InboundCursors<Row>();
  #touches = 0;

  constructor(database: Database) {
    this.#database = database;
    database
      .statement(
        `DELETE FROM inbound WHERE seq = 0
           AND NOT EXISTS (SELECT 1 FROM entry WHERE outgoing = 0 AND stream = inbound.id)`,
      )
      .run();
    this.reset();
  }

  /** The stream's row, for its entries; also of a forgotten one. */
  idOf(stream: InboundStreamId): number | undefined {
    const known = this.cursors.find(stream);
    if (known !== undefined) return known.id;
    const row = this.#database
      .statement("SELECT id FROM inbound WHERE sender = ? AND device = ? AND epoch = ?")
      .get(stream.sender, stream.device, stream.epoch);
    return row === undefined ? undefined : numberIn(row, "id");
  }

  /** Moves the cursor, making the row if need be, and gives its id. The stream idle longest gives way to a new one. */
  move(stream: InboundStreamId, seq: number): number {
    const { sender, device, epoch } = stream;
    const row = this.cursors.find(stream) ?? { id: this.idOrNew(stream), sender, device, epoch, seq };
    const idle = this.cursors.move(row, seq);
    if (idle !== undefined) this.forget(idle);
    return row.id;
  }

  /** The stream's row, made without a cursor if need be. */
  idOrNew(stream: InboundStreamId): number {
    return this.idOf(stream) ?? this.#insert(stream);
  }

  forget(stream: InboundStreamId): void {
    const row = this.cursors.remove(stream);
    if (row === undefined) return;
    this.#database.statement("UPDATE inbound SET seq = 0 WHERE id = ?").run(row.id);
    this.release(row.id);
  }

  /** Removes a forgotten stream of which no entry is kept. */
  release(id: number): void {
    this.#database
      .statement(
        `DELETE FROM inbound WHERE id = ? AND seq = 0
           AND NOT EXISTS (SELECT 1 FROM entry WHERE outgoing = 0 AND stream = inbound.id)`,
      )
      .run(id);
  }

  save(): void {
    const update = this.#database.statement("UPDATE inbound SET seq = ?, touched = ? WHERE id = ?");
    for (const { seq, id } of this.cursors.takeChanged()) update.run(seq, ++this.#touches, id);
  }

  reset(): void {
    this.cursors.clear();
    const rows = this.#database
      .statement("SELECT id, sender, device, epoch, seq, touched FROM inbound WHERE seq > 0 ORDER BY touched")
      .all();
    for (const row of rows) {
      const stream = { sender: textIn(row, "sender"), device: textIn(row, "device"), epoch: textIn(row, "epoch") };
      this.cursors.restore({ ...stream, id: numberIn(row, "id"), seq: numberIn(row, "seq") });
      this.#touches = Math.max(this.#touches, numberIn(row, "touched"));
    }
  }

  #insert({ sender, device, epoch }: InboundStreamId): number {
    const { lastInsertRowid } = this.#database
      .statement("INSERT INTO inbound (sender, device, epoch, seq, touched) VALUES (?, ?, ?, 0, 0)")
      .run(sender, device, epoch);
    return Number(lastInsertRowid);
  }
}
