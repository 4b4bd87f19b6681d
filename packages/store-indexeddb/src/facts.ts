import type { DeliveryFact, DeliveryRow, FactRange, OutboundRow } from "@parley/core";
import { maxFactSpan, NotedFacts, noteRange, spansOf } from "@parley/core";
import { mayFollow } from "@parley/protocol";

import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import { numbersOf } from "./outbound-streams.ts";
import type { EntryFactRow, RangeRow } from "./rows.ts";
import type { Tally } from "./tally.ts";

/** Sorts behind every text and number in a key. */
const last: IDBValidKey = [];

/** Lowest number of a stream that is kept. */
async function firstKept(transaction: Transaction, stream: number): Promise<number | undefined> {
  const cursor = await done(transaction.store("entries").index("stream").openKeyCursor(numbersOf(1, stream)));
  const [, , seq] = (cursor?.key as [number, number, number] | undefined) ?? [];
  return seq;
}

async function rangesAround(
  transaction: Transaction,
  stream: number,
  from: number,
  to: number,
): Promise<readonly RangeRow[]> {
  const range = IDBKeyRange.bound([stream, from], [stream, to + maxFactSpan, last]);
  const rows = await transaction.all<RangeRow>("rangeFacts", range);
  return rows.filter((row) => row.from <= to);
}

/** Notes a fact for those entries of a range that are kept. */
export async function noteSent(
  transaction: Transaction,
  tally: Tally,
  stream: OutboundRow,
  noted: Omit<FactRange, "order">,
): Promise<void> {
  const first = await firstKept(transaction, stream.id);
  if (first === undefined) return;
  const from = Math.max(noted.from, first);
  const to = Math.min(noted.to, stream.lastSeq);
  if (from > to) return;
  const { state } = noted.fact;
  const known = (await rangesAround(transaction, stream.id, from, to)).filter((row) => row.state === state);
  const { removed, added } = noteRange(known, { ...noted, from, to, order: tally.next("note") });
  for (const range of removed) transaction.delete("rangeFacts", [stream.id, range.to, state]);
  for (const { from, to, order, fact, receipt } of added) {
    const row: RangeRow = { stream: stream.id, to, state, from, order, fact, receipt };
    transaction.put("rangeFacts", row);
  }
}

/** Forgets what is about entries that are not kept any more. */
export async function trimSent(transaction: Transaction, stream: number): Promise<void> {
  const first = (await firstKept(transaction, stream)) ?? Infinity;
  transaction.delete("rangeFacts", IDBKeyRange.bound([stream, 0], [stream, first], false, true));
}

export function putFact(transaction: Transaction, place: number, fact: DeliveryFact, receipt?: Uint8Array): void {
  const row: EntryFactRow = { place, state: fact.state, fact, receipt };
  transaction.put("entryFacts", row);
}

/** Adds a fact to one entry, unless it may not follow those that are there. */
export async function noteEntry(transaction: Transaction, row: DeliveryRow, fact: DeliveryFact): Promise<void> {
  const { state } = (await notedOf(transaction, [row])).of(row);
  if (mayFollow(state, fact.state)) putFact(transaction, row.place, fact);
}

export function forgetFacts(transaction: Transaction, place: number): void {
  transaction.delete("entryFacts", IDBKeyRange.bound([place], [place, last]));
}

/** Everything that was noted of some rows, which are in the order of their places, one way or the other. */
export async function notedOf(transaction: Transaction, rows: readonly DeliveryRow[]): Promise<NotedFacts> {
  const noted = new NotedFacts();
  const [first, end] = [rows[0]?.place, rows.at(-1)?.place];
  if (first === undefined || end === undefined) return noted;
  for (const [stream, { from, to }] of spansOf(rows))
    noted.addOfStream(stream, await rangesAround(transaction, stream, from, to));
  const range = IDBKeyRange.bound([Math.min(first, end)], [Math.max(first, end), last]);
  for (const row of await transaction.all<EntryFactRow>("entryFacts", range)) noted.addOfEntry(row.place, row);
  return noted;
}
