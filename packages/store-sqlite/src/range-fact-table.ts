import type { FactRange, OutboundRow, SentFact } from "@parley/core";
import { maxFactSpan, noteRange } from "@parley/core";

import type { Row } from "./column.ts";
import { numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import { factColumns, factOf, factValues, stateCode } from "./fact-row.ts";
import type { Tally } from "./tally.ts";

/** Facts about ranges of what was sent, by stream. */
export class RangeFactTable {
  readonly #database: Database;
  readonly #tally: Tally;

  constructor(database: Database, tally: Tally) {
    this.#database = database;
    this.#tally = tally;
  }

  /** Notes a fact for those entries of a range that are kept. Only inside a transaction. */
  note(stream: OutboundRow, { from, to, fact, receipt }: SentFact): void {
    const first = this.#firstKept(stream.id);
    if (first === undefined) return;
    const noted: FactRange = {
      from: Math.max(from, first),
      to: Math.min(to, stream.lastSeq),
      order: this.#tally.next("noted"),
      fact,
      receipt,
    };
    if (noted.from > noted.to) return;
    const state = stateCode(fact.state);
    const known = this.#database
      .statement(
        `SELECT from_seq, to_seq, noted, state, ${factColumns} FROM range_fact
         WHERE stream = ? AND to_seq BETWEEN ? AND ? AND from_seq <= ? AND state = ? ORDER BY to_seq`,
      )
      .all(stream.id, noted.from, noted.to + maxFactSpan, noted.to, state)
      .map(rangeOf);
    const { removed, added } = noteRange(known, noted);
    const remove = this.#database.statement("DELETE FROM range_fact WHERE stream = ? AND to_seq = ? AND state = ?");
    for (const range of removed) remove.run(stream.id, range.to, state);
    const insert = this.#database.statement(
      `INSERT INTO range_fact (stream, to_seq, state, from_seq, noted, ${factColumns})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const range of added)
      insert.run(stream.id, range.to, state, range.from, range.order, ...factValues(range.fact, range.receipt));
  }

  /** Every range that touches some of these numbers. */
  around(stream: number, from: number, to: number): readonly FactRange[] {
    return this.#database
      .statement(
        `SELECT from_seq, to_seq, noted, state, ${factColumns} FROM range_fact
         WHERE stream = ? AND to_seq BETWEEN ? AND ? AND from_seq <= ? ORDER BY to_seq`,
      )
      .all(stream, from, to + maxFactSpan, to)
      .map(rangeOf);
  }

  /** Forgets what is about entries that are not kept any more. Only inside a transaction. */
  trim(stream: number): void {
    const first = this.#firstKept(stream) ?? Number.MAX_SAFE_INTEGER;
    this.#database.statement("DELETE FROM range_fact WHERE stream = ? AND to_seq < ?").run(stream, first);
  }

  #firstKept(stream: number): number | undefined {
    const row = this.#database
      .statement("SELECT seq FROM entry WHERE outgoing = 1 AND stream = ? ORDER BY seq LIMIT 1")
      .get(stream);
    return row === undefined ? undefined : numberIn(row, "seq");
  }
}

const rangeOf = (row: Row): FactRange => ({
  from: numberIn(row, "from_seq"),
  to: numberIn(row, "to_seq"),
  order: numberIn(row, "noted"),
  ...factOf(row),
});
