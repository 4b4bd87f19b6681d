import type { DeliveryPage, DeliveryPlan, DeliveryRecord, DeliveryRow } from "@parley/core";
import { deliveryRecordOf, isWithdrawn, joinBodies, maxDeliveryPageBytes } from "@parley/core";
import { envelopeKinds } from "@parley/protocol";

import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import { notedOf } from "./facts.ts";
import type { EntryRow, InboundStreamRow, OutboundStreamRow } from "./rows.ts";
import { deliveryRowOf } from "./rows.ts";

/** Rows looked at in one go. */
const batch = 256;

export async function rowOf(transaction: Transaction, entry: EntryRow): Promise<DeliveryRow | undefined> {
  if (entry.outgoing === 1) {
    const row = await transaction.get<OutboundStreamRow>("outbound", entry.stream);
    return row === undefined ? undefined : deliveryRowOf(entry, { direction: "out", row });
  }
  const row = await transaction.get<InboundStreamRow>("inbound", entry.stream);
  return row === undefined ? undefined : deliveryRowOf(entry, { direction: "in", row });
}

/** Rows of entries, in their order. Streams are read once. */
async function rowsOf(transaction: Transaction, entries: readonly EntryRow[]): Promise<readonly DeliveryRow[]> {
  const streams = new Map<string, OutboundStreamRow | InboundStreamRow | undefined>();
  const rows: DeliveryRow[] = [];
  for (const entry of entries) {
    const isSent = entry.outgoing === 1;
    const key = `${entry.outgoing} ${entry.stream}`;
    if (!streams.has(key)) streams.set(key, await transaction.get(isSent ? "outbound" : "inbound", entry.stream));
    const row = streams.get(key);
    if (row === undefined) continue;
    rows.push(
      isSent
        ? deliveryRowOf(entry, { direction: "out", row: row as OutboundStreamRow })
        : deliveryRowOf(entry, { direction: "in", row: row as InboundStreamRow }),
    );
  }
  return rows;
}

/** Every entry with this id, ascending: senders choose their epochs, so there may be several. */
export async function rowsWithId(
  transaction: Transaction,
  epoch: string,
  seq: number,
): Promise<readonly DeliveryRow[]> {
  const byStream = transaction.store("entries").index("stream");
  const only = IDBKeyRange.only(epoch);
  const found = [...(await transaction.by<EntryRow>("entries", "origin", IDBKeyRange.only([epoch, seq])))];
  for (const [outgoing, streams] of [
    [1, await transaction.by<OutboundStreamRow>("outbound", "epoch", only)],
    [0, await transaction.by<InboundStreamRow>("inbound", "epoch", only)],
  ] as const) {
    for (const { id } of streams) {
      const entry = await done<EntryRow | undefined>(byStream.get([outgoing, id, seq]));
      if (entry !== undefined && entry.origin === undefined) found.push(entry);
    }
  }
  return rowsOf(
    transaction,
    found.sort((left, right) => left.place - right.place),
  );
}

/** The body of an entry with those of the earlier entries of the same body. */
async function bodyOf(transaction: Transaction, row: DeliveryRow): Promise<Uint8Array> {
  const byStream = transaction.store("entries").index("stream");
  const places = [row.place];
  for (let seq = row.seq - 1; row.isTail; seq--) {
    const part = await done<EntryRow | undefined>(byStream.get([1, row.stream, seq]));
    if (part?.envelope.more !== true) break;
    places.unshift(part.place);
  }
  const parts: Uint8Array[] = [];
  for (const place of places) parts.push((await transaction.get<Uint8Array>("bodies", place)) ?? new Uint8Array());
  return joinBodies(parts);
}

/** Looks through as many rows as it takes. */
export async function readPage(transaction: Transaction, plan: DeliveryPlan): Promise<DeliveryPage> {
  const records: DeliveryRecord[] = [];
  let bytes = 0;
  let at = plan.after ?? (plan.newestFirst ? Infinity : 0);
  for (;;) {
    const looked = plan.id === undefined ? await entriesAfter(transaction, at, plan.newestFirst) : undefined;
    const rows =
      looked === undefined
        ? await rowsAskedFor(transaction, plan, at)
        : await rowsOf(transaction, looked.filter(isWhole));
    const noted = await notedOf(transaction, rows);
    for (const row of rows) {
      const facts = noted.of(row);
      if (isWithdrawn(row, facts) || !plan.takes({ ...row, state: facts.state })) continue;
      const before = records.at(-1);
      if (before !== undefined && (records.length >= plan.limit || bytes >= maxDeliveryPageBytes))
        return { records, next: before.place };
      records.push(deliveryRecordOf(row, facts, await bodyOf(transaction, row)));
      bytes += records.at(-1)?.bytes ?? 0;
    }
    const lastPlace = looked?.at(-1)?.place;
    if (lastPlace === undefined || looked === undefined || looked.length < batch) return { records, next: undefined };
    at = lastPlace;
  }
}

const isWhole = ({ envelope }: EntryRow): boolean => envelope.kind !== envelopeKinds.void && !envelope.more;

async function rowsAskedFor(
  transaction: Transaction,
  { id, newestFirst }: DeliveryPlan,
  at: number,
): Promise<readonly DeliveryRow[]> {
  if (id === undefined) return [];
  const rows = (await rowsWithId(transaction, id.epoch, id.seq)).filter(
    ({ kind, place }) => kind !== envelopeKinds.void && (newestFirst ? place < at : place > at),
  );
  return newestFirst ? [...rows].reverse() : rows;
}

async function entriesAfter(transaction: Transaction, at: number, newestFirst: boolean): Promise<readonly EntryRow[]> {
  if (!newestFirst) return transaction.all("entries", IDBKeyRange.lowerBound(at, true), batch);
  const range = at === Infinity ? null : IDBKeyRange.upperBound(at, true);
  const entries: EntryRow[] = [];
  const request = transaction.store("entries").openCursor(range, "prev");
  for (let cursor = await done(request); cursor !== null && entries.length < batch; cursor = await done(request)) {
    entries.push(cursor.value as EntryRow);
    cursor.continue();
  }
  return entries;
}
