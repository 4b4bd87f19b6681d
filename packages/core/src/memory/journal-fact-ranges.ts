import type { DeliveryFact } from "../ports/journal-history.ts";

/**
 * A fact about a range of a stream's numbers. Acknowledgements and receipts cover ranges, so an adapter writes one of these where it would
 * otherwise touch every entry. The ranges of one state never overlap.
 */
export interface FactRange {
  readonly from: number;
  readonly to: number;
  /** Goes up with each note, so that facts can be folded in the order in which they were noted. */
  readonly order: number;
  readonly fact: DeliveryFact;
  readonly receipt: Uint8Array | undefined;
}

/** Numbers that one range covers at most, so that the ranges around a number are found by looking at those that end soon after it. */
export const maxFactSpan = 1024;

/**
 * Notes a range beside those of the same state that overlap it, in ascending order. What is known stays, except that a receipt takes the place of
 * the one before; the rest of the range is added.
 */
export function noteRange(
  known: readonly FactRange[],
  noted: FactRange,
): { readonly removed: readonly FactRange[]; readonly added: readonly FactRange[] } {
  const removed: FactRange[] = [];
  const added: FactRange[] = [];
  let next = noted.from;
  for (const range of known) {
    if (range.from > next) addPieces(added, noted, next, range.from - 1);
    if (noted.receipt !== undefined) {
      removed.push(range);
      addPieces(added, range, range.from, noted.from - 1);
      const receipted = { ...range, receipt: noted.receipt };
      addPieces(added, receipted, Math.max(range.from, noted.from), Math.min(range.to, noted.to));
      addPieces(added, range, noted.to + 1, range.to);
    }
    next = range.to + 1;
  }
  addPieces(added, noted, next, noted.to);
  return { removed, added };
}

function addPieces(added: FactRange[], range: FactRange, from: number, to: number): void {
  for (let start = from; start <= to; start += maxFactSpan)
    added.push({ ...range, from: start, to: Math.min(to, start + maxFactSpan - 1) });
}
