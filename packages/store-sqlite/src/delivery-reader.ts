import type { DeliveryPage, DeliveryPlan, DeliveryRecord } from "@parley/core";
import { maxDeliveryPageBytes } from "@parley/core";

import type { Row } from "./column.ts";
import { bytesIn, numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { DeliveryRow } from "./delivery-row.ts";
import { deliveryRowOf, deliverySource, NotedFacts } from "./delivery-row.ts";
import { moreBit } from "./envelope-row.ts";
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
        records.push(this.#database.read(() => this.#recordOf(row, facts)));
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
    return new NotedFacts(this.#database, this.#ranges, rows);
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
  ): readonly { readonly row: DeliveryRow; readonly facts: ReturnType<NotedFacts["of"]> }[] {
    const noted = this.factsOf(rows);
    return rows
      .map((row) => ({ row, facts: noted.of(row) }))
      .filter(({ row, facts: { state } }) => {
        const isWithdrawn = row.isDropped && state === "accepted";
        return !isWithdrawn && plan.takes({ ...row, state });
      });
  }

  #recordOf(row: DeliveryRow, facts: ReturnType<NotedFacts["of"]>): DeliveryRecord {
    const { place, id, direction, peer, device, epoch, seq, kind, created, ttl, pending, attempts, redelivered } = row;
    const body = this.#bodyOf(row);
    return {
      place,
      id,
      direction,
      peer,
      device,
      epoch,
      seq,
      kind,
      created,
      expires: ttl === 0 ? undefined : created + ttl,
      bytes: body.byteLength,
      pending,
      attempts,
      redelivered,
      ...facts,
      body,
    };
  }

  #bodyOf({ place, stream, seq, isTail }: DeliveryRow): Uint8Array {
    const parts = [this.#database.statement("SELECT body FROM entry WHERE place = ?").get(place)];
    const before = this.#database.statement(
      `SELECT body FROM entry WHERE outgoing = 1 AND stream = ? AND seq = ? AND flags & ${moreBit} <> 0`,
    );
    for (let at = seq - 1; isTail; at--) {
      const part = before.get(stream, at);
      if (part === undefined) break;
      parts.unshift(part);
    }
    return joined(parts.map((part: Row | undefined) => bytesIn(part ?? {}, "body")));
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const body = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.byteLength;
  }
  return body;
}
