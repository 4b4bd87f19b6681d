import type { DeliveryDirection, DeliveryFact, FactRange, KnownFact, KnownFacts } from "@parley/core";
import { foldFacts } from "@parley/core";
import type { DeliveryState } from "@parley/protocol";
import { envelopeId, mayFollow } from "@parley/protocol";

import type { Row } from "./column.ts";
import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import { redeliveredBit, tailBit } from "./envelope-row.ts";
import { factColumns, factOf, pathOf } from "./fact-row.ts";
import { outcomes } from "./journal-schema.ts";
import type { RangeFactTable } from "./range-fact-table.ts";

/** What an entry's row says without its body. */
export interface DeliveryRow {
  readonly place: number;
  readonly id: string;
  readonly direction: DeliveryDirection;
  readonly stream: number;
  readonly peer: string;
  readonly device: string | undefined;
  readonly epoch: string;
  readonly seq: number;
  readonly kind: number;
  readonly created: number;
  readonly ttl: number;
  readonly bytes: number;
  readonly pending: boolean;
  readonly attempts: number;
  readonly redelivered: boolean;
  /** It is the last of several entries of one body. */
  readonly isTail: boolean;
  readonly isDropped: boolean;
  readonly first: DeliveryFact;
  readonly handledAt: number | undefined;
}

/** Columns and tables of a `DeliveryRow`. */
export const deliverySource = `
  entry.place AS place, outgoing, entry.stream AS stream, entry.seq AS seq, at, outcome, settled_at, path, attempts, kind, flags, created, ttl,
  origin_epoch, origin_seq, length(body) AS bytes, sender, device, coalesce(inbound.epoch, outbound.epoch) AS epoch, recipient,
  coalesce(outgoing = 0 OR (current = 1 AND entry.seq > settled), 0) AS unsettled
  FROM entry LEFT JOIN inbound ON outgoing = 0 AND inbound.id = entry.stream
    LEFT JOIN outbound ON outgoing = 1 AND outbound.id = entry.stream`;

export function deliveryRowOf(row: Row): DeliveryRow {
  const isSent = numberIn(row, "outgoing") === 1;
  const [seq, at, flags, outcome] = ["seq", "at", "flags", "outcome"].map((name) => numberIn(row, name)) as Numbers;
  const epoch = textIn(row, "epoch");
  const party = textIn(row, isSent ? "recipient" : "sender");
  const path = pathOf(numberIn(row, "path"));
  const attempts = numberIn(row, "attempts");
  return {
    place: numberIn(row, "place"),
    id:
      row["origin_seq"] === null
        ? envelopeId(epoch, seq)
        : envelopeId(textIn(row, "origin_epoch"), numberIn(row, "origin_seq")),
    direction: isSent ? "out" : "in",
    stream: numberIn(row, "stream"),
    peer: isSent ? (party.split("|", 1)[0] ?? party) : party,
    device: isSent ? undefined : textIn(row, "device"),
    epoch,
    seq,
    kind: numberIn(row, "kind"),
    created: numberIn(row, "created"),
    ttl: numberIn(row, "ttl"),
    bytes: numberIn(row, "bytes"),
    pending: outcome === outcomes.pending && numberIn(row, "unsettled") === 1,
    attempts,
    redelivered: attempts > 0 || (flags & redeliveredBit) !== 0,
    isTail: (flags & tailBit) !== 0,
    isDropped: outcome === outcomes.dropped,
    first: { state: isSent ? "accepted" : "delivered", at, ...(path === undefined ? {} : { path }) },
    handledAt: outcome === outcomes.handled ? numberIn(row, "settled_at") : undefined,
  };
}

type Numbers = [number, number, number, number];

/** What was noted of some rows, read together. */
export class NotedFacts {
  readonly #ofEntries = new Map<number, KnownFact[]>();
  /** By stream and state, ascending. */
  readonly #ofRanges = new Map<number, Map<DeliveryState, FactRange[]>>();

  constructor(database: Database, ranges: RangeFactTable, rows: readonly DeliveryRow[]) {
    this.#readEntries(database, rows);
    const spans = new Map<number, { from: number; to: number }>();
    for (const { direction, stream, seq } of rows) {
      if (direction === "in") continue;
      const { from, to } = spans.get(stream) ?? { from: seq, to: seq };
      spans.set(stream, { from: Math.min(from, seq), to: Math.max(to, seq) });
    }
    for (const [stream, { from, to }] of spans) {
      const byState = new Map<DeliveryState, FactRange[]>();
      for (const range of ranges.around(stream, from, to)) {
        const known = byState.get(range.fact.state);
        if (known === undefined) byState.set(range.fact.state, [range]);
        else known.push(range);
      }
      this.#ofRanges.set(stream, byState);
    }
  }

  of(row: DeliveryRow): KnownFacts {
    const noted = [...(this.#ofEntries.get(row.place) ?? [])];
    const [lowest] = noted;
    // What was imported has its first fact here, too.
    const isReplaced = lowest !== undefined && lowest.fact.state === row.first.state;
    const first = isReplaced ? lowest.fact : row.first;
    if (row.handledAt !== undefined)
      noted.unshift({ fact: { state: "handled", at: row.handledAt }, receipt: undefined });
    if (row.direction === "out") noted.push(...this.#rangesAround(row));
    return foldFacts(first, noted);
  }

  #rangesAround({ stream, seq }: DeliveryRow): readonly KnownFact[] {
    const found: FactRange[] = [];
    for (const ranges of this.#ofRanges.get(stream)?.values() ?? []) {
      const range = firstEndingAt(ranges, seq);
      if (range !== undefined && range.from <= seq) found.push(range);
    }
    return found.sort((left, right) => left.order - right.order);
  }

  #readEntries(database: Database, rows: readonly DeliveryRow[]): void {
    const read = database.statement(`SELECT place, state, ${factColumns} FROM entry_fact WHERE place BETWEEN ? AND ?`);
    let lowest = Infinity;
    let highest = 0;
    for (const { place } of rows) {
      lowest = Math.min(lowest, place);
      highest = Math.max(highest, place);
    }
    if (highest === 0) return;
    for (const row of read.all(lowest, highest)) {
      const place = numberIn(row, "place");
      const known = this.#ofEntries.get(place) ?? [];
      known.push(factOf(row));
      this.#ofEntries.set(place, known);
    }
    for (const known of this.#ofEntries.values()) known.sort((left, right) => inOrder(left.fact, right.fact));
  }
}

const inOrder = (left: DeliveryFact, right: DeliveryFact): number =>
  mayFollow(left.state, right.state) ? -1 : mayFollow(right.state, left.state) ? 1 : 0;

/** The first of some ranges, ascending and apart, that ends at a number or after it. */
function firstEndingAt(ranges: readonly FactRange[], seq: number): FactRange | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.to ?? Infinity) < seq) low = middle + 1;
    else high = middle;
  }
  return ranges[low];
}
