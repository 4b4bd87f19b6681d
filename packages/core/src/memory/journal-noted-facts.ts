import type { DeliveryState } from "@parley/protocol";
import { mayFollow } from "@parley/protocol";

import type { DeliveryFact } from "../ports/journal-history.ts";
import type { DeliveryRow } from "./journal-delivery-row.ts";
import type { FactRange } from "./journal-fact-ranges.ts";
import type { KnownFact, KnownFacts } from "./journal-facts.ts";
import { foldFacts } from "./journal-facts.ts";

/** What was noted of some rows, read together. */
export class NotedFacts {
  readonly #ofEntries = new Map<number, KnownFact[]>();
  /** By stream and state, ascending. */
  readonly #ofRanges = new Map<number, Map<DeliveryState, FactRange[]>>();

  /** What was noted of one entry, in any order. */
  addOfEntry(place: number, known: KnownFact): void {
    const all = this.#ofEntries.get(place) ?? [];
    all.push(known);
    this.#ofEntries.set(
      place,
      all.sort((left, right) => inOrder(left.fact, right.fact)),
    );
  }

  /** What was noted of ranges of a stream, by their ends ascending. */
  addOfStream(stream: number, ranges: readonly FactRange[]): void {
    const byState = new Map<DeliveryState, FactRange[]>();
    for (const range of ranges) {
      const known = byState.get(range.fact.state);
      if (known === undefined) byState.set(range.fact.state, [range]);
      else known.push(range);
    }
    this.#ofRanges.set(stream, byState);
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
}

/** First and last number of each stream among rows that were sent. */
export function spansOf(
  rows: readonly DeliveryRow[],
): ReadonlyMap<number, { readonly from: number; readonly to: number }> {
  const spans = new Map<number, { from: number; to: number }>();
  for (const { direction, stream, seq } of rows) {
    if (direction === "in") continue;
    const { from, to } = spans.get(stream) ?? { from: seq, to: seq };
    spans.set(stream, { from: Math.min(from, seq), to: Math.max(to, seq) });
  }
  return spans;
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
