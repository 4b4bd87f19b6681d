import type { InboundCursor, InboundStreamId } from "@parley/core";
import { maxEpochsPerDevice } from "@parley/core";
import { limits } from "@parley/protocol";

import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Companion } from "./group-commit.ts";

interface InboundRow extends InboundStreamId {
  readonly id: number;
  /** 0: forgotten, but an entry is still kept of it. */
  seq: number;
}

const keyOf = ({ sender, device, epoch }: InboundStreamId): string => JSON.stringify([sender, device, epoch]);

/** The cursors of inbound streams: in memory in order of the last commit, written at most once per commit. */
export class InboundTable implements Companion {
  readonly #database: Database;
  readonly #rows = new Map<string, InboundRow>();
  readonly #changed = new Set<InboundRow>();
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

  cursors(): readonly InboundCursor[] {
    return [...this.#rows.values()].map(({ sender, device, epoch, seq }) => ({ sender, device, epoch, seq }));
  }

  cursor(stream: InboundStreamId): number {
    return this.#rows.get(keyOf(stream))?.seq ?? 0;
  }

  /** The stream's row, for its entries; also of a forgotten one. */
  idOf(stream: InboundStreamId): number | undefined {
    const known = this.#rows.get(keyOf(stream));
    if (known !== undefined) return known.id;
    const row = this.#database
      .statement("SELECT id FROM inbound WHERE sender = ? AND device = ? AND epoch = ?")
      .get(stream.sender, stream.device, stream.epoch);
    return row === undefined ? undefined : numberIn(row, "id");
  }

  /** Moves the cursor, making the row if need be, and gives its id. The stream idle longest gives way to a new one. */
  move(stream: InboundStreamId, seq: number): number {
    const key = keyOf(stream);
    const known = this.#rows.get(key);
    const { sender, device, epoch } = stream;
    const row = known ?? { id: this.idOrNew(stream), sender, device, epoch, seq };
    row.seq = seq;
    this.#rows.delete(key);
    this.#rows.set(key, row);
    this.#changed.add(row);
    if (known === undefined) this.#makeRoom(stream);
    return row.id;
  }

  /** The stream's row, made without a cursor if need be. */
  idOrNew(stream: InboundStreamId): number {
    return this.idOf(stream) ?? this.#insert(stream);
  }

  forget(stream: InboundStreamId): void {
    const row = this.#rows.get(keyOf(stream));
    if (row === undefined) return;
    this.#rows.delete(keyOf(stream));
    this.#changed.delete(row);
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
    for (const row of this.#changed) update.run(row.seq, ++this.#touches, row.id);
    this.#changed.clear();
  }

  reset(): void {
    this.#rows.clear();
    this.#changed.clear();
    const rows = this.#database
      .statement("SELECT id, sender, device, epoch, seq, touched FROM inbound WHERE seq > 0 ORDER BY touched")
      .all();
    for (const row of rows) {
      const stream = { sender: textIn(row, "sender"), device: textIn(row, "device"), epoch: textIn(row, "epoch") };
      this.#rows.set(keyOf(stream), { ...stream, id: numberIn(row, "id"), seq: numberIn(row, "seq") });
      this.#touches = Math.max(this.#touches, numberIn(row, "touched"));
    }
  }

  #insert({ sender, device, epoch }: InboundStreamId): number {
    const { lastInsertRowid } = this.#database
      .statement("INSERT INTO inbound (sender, device, epoch, seq, touched) VALUES (?, ?, ?, 0, 0)")
      .run(sender, device, epoch);
    return Number(lastInsertRowid);
  }

  /** Only one row was added, so at most one goes. */
  #makeRoom({ sender, device }: InboundStreamId): void {
    const own = [...this.#rows.values()].filter((row) => row.sender === sender && row.device === device);
    const [oldestOwn] = own;
    const [oldest] = this.#rows.values();
    if (own.length > maxEpochsPerDevice && oldestOwn !== undefined) this.forget(oldestOwn);
    else if (this.#rows.size > limits.inboundStreams && oldest !== undefined) this.forget(oldest);
  }
}
