import type { DeliveryFact, DeliveryRow } from "@parley/core";
import type { Envelope } from "@parley/protocol";

import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import { noteEntry } from "./facts.ts";
import { rowOf } from "./reader.ts";
import type { EntryFactRow, EntryRow } from "./rows.ts";
import { envelopeOf, envelopePart } from "./rows.ts";

/** About what a commit writes for an entry beside its body. */
export const entryBytes = 300;

/** What a new entry says beside its envelope, and where that differs from most. */
export type NewEntry = Pick<EntryRow, "place" | "outgoing" | "stream" | "seq" | "at"> & Partial<EntryRow>;

/** An entry with all that is known of it but its facts. */
export interface WholeEntry {
  readonly entry: EntryRow;
  readonly row: DeliveryRow;
  readonly envelope: Envelope;
}

export function addEntry(transaction: Transaction, envelope: Envelope, entry: NewEntry): void {
  const { body } = envelope;
  const added: EntryRow = {
    path: undefined,
    outcome: "pending",
    settledAt: 0,
    attempts: 0,
    redelivered: false,
    isTail: false,
    bytes: body.byteLength,
    ...envelopePart(envelope),
    ...entry,
  };
  transaction.put("entries", added);
  // A view of a larger buffer would be stored with all of it.
  transaction.put("bodies", body.byteLength === body.buffer.byteLength ? body : body.slice(), entry.place);
}

export function entryNumbered(
  transaction: Transaction,
  outgoing: 0 | 1,
  stream: number,
  seq: number,
): Promise<EntryRow | undefined> {
  return done<EntryRow | undefined>(transaction.store("entries").index("stream").get([outgoing, stream, seq]));
}

/** Undefined if it is not there, or not all of it. */
export async function wholeEntry(transaction: Transaction, place: number): Promise<WholeEntry | undefined> {
  const entry = await transaction.get<EntryRow>("entries", place);
  const body = await transaction.get<Uint8Array>("bodies", place);
  const row = entry === undefined ? undefined : await rowOf(transaction, entry);
  if (entry === undefined || body === undefined || row === undefined) return undefined;
  return { entry, row, envelope: envelopeOf(entry, body) };
}

export async function changeEntry(transaction: Transaction, place: number, change: Partial<EntryRow>): Promise<void> {
  const entry = await transaction.get<EntryRow>("entries", place);
  if (entry !== undefined) transaction.put("entries", { ...entry, ...change });
}

/** Adds a fact to an entry, unless it may not follow those that are there. */
export async function noteOf(transaction: Transaction, entry: EntryRow, fact: DeliveryFact): Promise<void> {
  const row = await rowOf(transaction, entry);
  if (row !== undefined) await noteEntry(transaction, row, fact);
}

export async function isNoted(transaction: Transaction, place: number): Promise<boolean> {
  const range = IDBKeyRange.bound([place], [place, []]);
  return (await transaction.all<EntryFactRow>("entryFacts", range, 1)).length > 0;
}
