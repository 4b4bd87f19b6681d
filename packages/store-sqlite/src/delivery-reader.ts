import type { DeliveryPage, DeliveryPlan, DeliveryRecord, DeliveryRow, KnownFacts } from "@parley/core";
import { deliveryRecordOf, isWithdrawn, joinBodies, maxDeliveryPageBytes, NotedFacts, spansOf } from "@parley/core";

import { bytesIn, numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import { deliveryRowOf, deliverySource } from "./delivery-row.ts";
import { moreBit } from "./envelope-row.ts";
import { factColumns, factOf } from "./fact-row.ts";
import type { RangeFactTable } from "./range-fact-table.ts";

/** Rows looked at between two turns of the event loop. */
const batch = 256;
const isWhole = `kind <> 0 AND flags & ${moreBit} = 0`;

/** Finds records of both directions. */
export class DeliveryReader {
  readonly #database: Database;
  readonly #ranges: RangeFactTable;

  constructor(database: Database, ranges: RangeFactTable) {
    this.#database = database;
    this.#ranges = ranges;
  }

  /** Looks through as many rows as it takes. `turn` lets others run in between, and throws when the journal was closed. */
  async page(plan: DeliveryPlan, turn: () => Promise<void>): Promise<DeliveryPage> {
    const records: DeliveryRecord[] = [];
    let bytes = 0;
    let at = plan.after ?? (plan.newestFirst ? Number.MAX_SAFE_INTEGER : 0);
    for (;;) {
      const rows = this.#database.read(() => this.#rowsAfter(at, plan));
      const last = rows.at(-1);
      if (last === undefined) return { records, next: undefined };
      const found = this.#database.read(() => this.#matching(rows, plan));
      for (const { row, facts } of found) {
        const before = records.at(-1);
        if (before !== undefined && (records.length >= plan.limit || bytes >= maxDeliveryPageBytes))
          return { records, next: before.place };
        records.push(this.#database.read(() => deliveryRecordOf(row, facts, this.#bodyOf(row))));
        bytes += records.at(-1)?.bytes ?? 0;
      }
      if (plan.id !== undefined || rows.length < batch) return { records, next: undefined };
      at = last.place;
      await turn();
    }
  }

  /** The rows at some places, in their order, those that are there. */
  rowsAt(places: Iterable<number>): readonly DeliveryRow[] {
    const select = this.#database.statement(`SELECT ${deliverySource} WHERE entry.place = ?`);
    const rows: DeliveryRow[] = [];
    for (const place of places) {
      const row = select.get(place);
      if (row !== undefined) rows.push(deliveryRowOf(row));
    }
    return rows;
  }

  factsOf(rows: readonly DeliveryRow[]): NotedFacts {
    const noted = new NotedFacts();
    for (const [stream, { from, to }] of spansOf(rows))
      noted.addOfStream(stream, this.#ranges.around(stream, from, to));
    const places = rows.map(({ place }) => place);
    // Rows are in order of their places, one way or the other.
    const [first = 0, last = first] = [places[0], places.at(-1)];
    const read = this.#database.statement(
      `SELECT place, state, ${factColumns} FROM entry_fact WHERE place BETWEEN ? AND ?`,
    );
    for (const row of read.all(Math.min(first, last), Math.max(first, last)))
      noted.addOfEntry(numberIn(row, "place"), factOf(row));
    return noted;
  }

  /** Every entry with this id, ascending: senders choose their epochs, so there may be several. */
  withId(epoch: string, seq: number): readonly DeliveryRow[] {
    const places = this.#database
      .statement(
        `SELECT place FROM entry JOIN outbound ON outgoing = 1 AND outbound.id = stream
           WHERE epoch = ?1 AND entry.outgoing = 1 AND entry.seq = ?2 AND origin_seq IS NULL
         UNION SELECT place FROM entry JOIN inbound ON outgoing = 0 AND inbound.id = stream
           WHERE epoch = ?1 AND entry.outgoing = 0 AND entry.seq = ?2 AND origin_seq IS NULL
         UNION SELECT place FROM entry WHERE origin_epoch = ?1 AND origin_seq = ?2
         ORDER BY place`,
      )
      .all(epoch, seq);
    return this.rowsAt(places.map((row) => numberIn(row, "place")));
  }

  #rowsAfter(at: number, { id, newestFirst, after }: DeliveryPlan): readonly DeliveryRow[] {
    if (id === undefined) {
      const sql = newestFirst
        ? `SELECT ${deliverySource} WHERE entry.place < ? AND ${isWhole} ORDER BY entry.place DESC LIMIT ${batch}`
        : `SELECT ${deliverySource} WHERE entry.place > ? AND ${isWhole} ORDER BY entry.place LIMIT ${batch}`;
      return this.#database.statement(sql).all(at).map(deliveryRowOf);
    }
    const rows = this.withId(id.epoch, id.seq).filter(
      ({ kind, place }) => kind !== 0 && (after === undefined || (newestFirst ? place < at : place > at)),
    );
    return newestFirst ? [...rows].reverse() : rows;
  }

  #matching(
    rows: readonly DeliveryRow[],
    plan: DeliveryPlan,
  ): readonly { readonly row: DeliveryRow; readonly facts: KnownFacts }[] {
    const noted = this.factsOf(rows);
    return rows
      .map((row) => ({ row, facts: noted.of(row) }))
      .filter(({ row, facts }) => !isWithdrawn(row, facts) && plan.takes({ ...row, state: facts.state }));
  }

  #bodyOf({ place, stream, seq, isTail }: DeliveryRow): Uint8Array {
    const parts = [this.#database.statement("SELECT body FROM entry WHERE place = ?").get(place)];
    const before = this.#database.statement(
      `SELECT body FROM entry WHERE outgoing = 1 AND stream = ? AND seq = ? AND flags & ${moreBit} <> 0`,
    );
    let part = isTail ? before.get(stream, seq - 1) : undefined;
    for (let at = seq - 2; part !== undefined; at--) {
      parts.unshift(part);
      part = before.get(stream, at);
    }
    return joinBodies(parts.map((row) => bytesIn(row ?? {}, "body")));
  }
}
