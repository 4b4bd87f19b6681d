import type { Holdings } from "@parley/core";

import type { Row } from "./column.ts";
import { numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import { moreBit, tailBit } from "./envelope-row.ts";
import type { Companion } from "./group-commit.ts";
import type { InboundTable } from "./inbound-table.ts";
import type { OutboundTable } from "./outbound-table.ts";
import type { RangeFactTable } from "./range-fact-table.ts";
import type { Tally } from "./tally.ts";

/** An entry that is to go. */
interface Gone {
  readonly place: number;
  readonly outgoing: boolean;
  readonly stream: number;
  readonly seq: number;
  readonly isTail: boolean;
  readonly bytes: number;
}

/** Entries looked at in one go, and those that one commit removes at most. */
const batch = 512;
const mostPerCommit = 8192;
const isEnded = `(outcome <> 0 OR (outgoing = 1 AND (SELECT current = 0 OR entry.seq <= settled FROM outbound WHERE id = stream)))`;

/** How much history there is, and its trimming: after each commit's changes, the oldest goes. */
export class HistoryTable implements Companion {
  readonly #database: Database;
  readonly #holdings: Holdings;
  readonly #tally: Tally;
  readonly #outbound: OutboundTable;
  readonly #inbound: InboundTable;
  readonly #ranges: RangeFactTable;
  /** No history has a lower place. */
  #from = 0;
  /** Called when a commit left some for the next. */
  readonly #goOn: () => void;

  constructor(
    parts: {
      readonly database: Database;
      readonly tally: Tally;
      readonly outbound: OutboundTable;
      readonly inbound: InboundTable;
      readonly ranges: RangeFactTable;
    },
    holdings: Holdings,
    goOn: () => void,
  ) {
    this.#database = parts.database;
    this.#tally = parts.tally;
    this.#outbound = parts.outbound;
    this.#inbound = parts.inbound;
    this.#ranges = parts.ranges;
    this.#holdings = holdings;
    this.#goOn = goOn;
    this.reset();
  }

  /** Counts entries that became history, the lowest place first. Only inside a transaction, as everything below. */
  add(entries: number, bytes: number, lowestPlace: number): void {
    this.#holdings.add(entries, bytes);
    this.#from = Math.min(this.#from, lowestPlace);
  }

  /** Counts what is pending again. */
  subtract(bytes: number): void {
    this.#holdings.add(-1, -bytes);
  }

  /** Removes history, whole bodies. Gives false, and removes nothing, if one of them is pending. */
  remove(places: readonly number[]): boolean {
    this.#outbound.save();
    this.#inbound.save();
    const select = this.#database.statement(
      `SELECT place, outgoing, stream, seq, flags, length(body) AS bytes, ${isEnded} AS ended FROM entry WHERE place = ?`,
    );
    const rows = [...new Set(places)].map((place) => select.get(place)).filter((row) => row !== undefined);
    if (rows.some((row) => numberIn(row, "ended") === 0)) return false;
    this.#deleteAll(rows.map(goneOf));
    return true;
  }

  /** Removes the oldest tenth, so that a full disk takes more. False when there is none. */
  shrink(): boolean {
    if (this.#holdings.entries === 0) return false;
    const enough = Math.floor(this.#holdings.entries * 0.9);
    while (this.#holdings.entries > enough && this.#trimBatch(() => this.#holdings.entries > enough));
    return true;
  }

  save(): void {
    for (let removed = 0; this.#holdings.isOver; removed += batch) {
      if (removed >= mostPerCommit) {
        this.#goOn();
        break;
      }
      if (!this.#trimBatch(() => this.#holdings.isOver)) break;
    }
    this.#tally.set("entries", this.#holdings.entries);
    this.#tally.set("bytes", this.#holdings.bytes);
  }

  reset(): void {
    this.#holdings.reset(this.#tally.get("entries"), this.#tally.get("bytes"));
    this.#from = 0;
  }

  /** Removes the oldest while there is too much. False when there is nothing more to remove. */
  #trimBatch(isTooMuch: () => boolean): boolean {
    const rows = this.#database
      .statement(
        `SELECT place, outgoing, stream, seq, flags, length(body) AS bytes FROM entry
         WHERE place >= ? AND flags & ${moreBit} = 0 AND ${isEnded} ORDER BY place LIMIT ${batch}`,
      )
      .all(this.#from);
    const gone: Gone[] = [];
    let plain = 0;
    let bytes = 0;
    for (const row of rows) {
      if (!isTooMuch()) break;
      const entry = goneOf(row);
      gone.push(entry);
      this.#from = entry.place;
      if (entry.isTail) {
        this.#deleteBody(entry);
        continue;
      }
      plain++;
      bytes += entry.bytes;
      this.#holdings.add(-1, -entry.bytes);
    }
    const [first] = gone;
    const last = gone.at(-1);
    if (first === undefined || last === undefined) return false;
    if (plain > 0)
      this.#database
        .statement(`DELETE FROM entry WHERE place BETWEEN ? AND ? AND flags & ${moreBit | tailBit} = 0 AND ${isEnded}`)
        .run(first.place, last.place);
    this.#from = last.place + 1;
    this.#forgetFacts(first.place, last.place);
    this.#release(gone);
    return true;
  }

  #deleteAll(gone: readonly Gone[]): void {
    for (const entry of gone) {
      this.#deleteBody(entry);
      this.#forgetFacts(entry.place, entry.place);
    }
    this.#release(gone);
  }

  /** An entry, and the earlier ones of its body. */
  #deleteBody({ place, outgoing, stream, seq, isTail }: Gone): void {
    const remove = this.#database.statement("DELETE FROM entry WHERE place = ? RETURNING length(body) AS bytes");
    const drop = (at: number): void => {
      const row = remove.get(at);
      if (row !== undefined) this.#holdings.add(-1, -numberIn(row, "bytes"));
    };
    drop(place);
    if (!isTail || !outgoing) return;
    const before = this.#database.statement(
      `SELECT place FROM entry WHERE outgoing = 1 AND stream = ? AND seq = ? AND flags & ${moreBit} <> 0`,
    );
    for (let part = seq - 1; ; part--) {
      const row = before.get(stream, part);
      if (row === undefined) return;
      drop(numberIn(row, "place"));
    }
  }

  #forgetFacts(from: number, to: number): void {
    this.#database
      .statement(
        `DELETE FROM entry_fact WHERE place BETWEEN ? AND ?
           AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.place = entry_fact.place)`,
      )
      .run(from, to);
  }

  /** Streams that are of no use without the entries that went. */
  #release(gone: readonly Gone[]): void {
    for (const stream of new Set(gone.filter(({ outgoing }) => outgoing).map(({ stream }) => stream))) {
      this.#ranges.trim(stream);
      this.#outbound.release(stream);
    }
    for (const stream of new Set(gone.filter(({ outgoing }) => !outgoing).map(({ stream }) => stream)))
      this.#inbound.release(stream);
  }
}

const goneOf = (row: Row): Gone => ({
  place: numberIn(row, "place"),
  outgoing: numberIn(row, "outgoing") === 1,
  stream: numberIn(row, "stream"),
  seq: numberIn(row, "seq"),
  isTail: (numberIn(row, "flags") & tailBit) !== 0,
  bytes: numberIn(row, "bytes"),
});
