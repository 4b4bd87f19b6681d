import type { InboundStreamId } from "@parley/core";
import { InboundCursors } from "@parley/core";

import type { Companion } from "./commits.ts";
import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import { numbersOf } from "./outbound-streams.ts";
import type { InboundStreamRow } from "./rows.ts";
import type { Tally } from "./tally.ts";

/** The inbound streams: their cursors in memory, changed rows written at most once per commit. */
export class InboundStreams implements Companion {
  readonly cursors = new InboundCursors<InboundStreamRow>();
  readonly #tally: Tally;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** The stream's row; also of a forgotten one. */
  async find(transaction: Transaction, stream: InboundStreamId): Promise<InboundStreamRow | undefined> {
    const known = this.cursors.find(stream);
    if (known !== undefined) return known;
    const { sender, device, epoch } = stream;
    return done<InboundStreamRow | undefined>(
      transaction.store("inbound").index("stream").get([sender, device, epoch]),
    );
  }

  /** The stream's row, made without a cursor if need be. */
  async findOrMake(transaction: Transaction, stream: InboundStreamId): Promise<InboundStreamRow> {
    const known = await this.find(transaction, stream);
    if (known !== undefined) return known;
    const { sender, device, epoch } = stream;
    const row = { id: this.#tally.next("stream"), sender, device, epoch, seq: 0, touched: 0 };
    transaction.put("inbound", row);
    return row;
  }

  /** Moves the cursor and gives the stream's number. The stream idle longest gives way to a new one. */
  async move(transaction: Transaction, stream: InboundStreamId, seq: number): Promise<number> {
    const row = await this.findOrMake(transaction, stream);
    row.touched = this.#tally.next("touch");
    const idle = this.cursors.move(row, seq);
    if (idle !== undefined) await this.forget(transaction, idle);
    return row.id;
  }

  async forget(transaction: Transaction, stream: InboundStreamId): Promise<void> {
    const row = this.cursors.remove(stream);
    if (row === undefined) return;
    transaction.put("inbound", { ...row, seq: 0 });
    await this.release(transaction, row.id);
  }

  /** Removes a forgotten stream of which no entry is kept. */
  async release(transaction: Transaction, id: number): Promise<void> {
    const row = await transaction.get<InboundStreamRow>("inbound", id);
    if (row === undefined || this.cursors.find(row) !== undefined) return;
    const left = await done(transaction.store("entries").index("stream").count(numbersOf(0, id)));
    if (left === 0) transaction.delete("inbound", id);
  }

  save(transaction: Transaction): void {
    for (const row of this.cursors.takeChanged()) transaction.put("inbound", row);
  }

  async reset(transaction: Transaction): Promise<void> {
    this.cursors.clear();
    const rows = await transaction.all<InboundStreamRow>("inbound");
    const live = rows.filter(({ seq }) => seq > 0).sort((left, right) => left.touched - right.touched);
    for (const row of live) this.cursors.restore(row);
  }
}
