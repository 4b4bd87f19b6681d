import type { DeliveryState, Envelope } from "@parley/protocol";
import { deliveryStates, limits, ParleyError } from "@parley/protocol";

import { checkSize, checkText, checkWhole } from "../ports/arguments.ts";
import type { DeliveryFact, DeliveryQuery, DeliveryRecord } from "../ports/journal-history.ts";
import { defaultDeliveries, maxDeliveries, maxFactCharacters, maxReceiptBytes } from "../ports/journal-history.ts";
import type { InboundPlace, InboundStreamId, NewOutboxEntry, PendingQuery, ReceivedEntry } from "../ports/journal.ts";
import { maxJournalStateBytes, maxJournalTextLength } from "../ports/journal.ts";

const checkId = (what: string, text: string): void => checkText(what, text, maxJournalTextLength);

const traceBytes = 25;

function checkEnvelope({ body, trace, origin }: Envelope): void {
  checkSize("envelope", body, limits.envelopeBytes);
  if (trace !== undefined) checkSize("trace context", trace, traceBytes);
  if (origin !== undefined) checkId("origin epoch", origin.epoch);
}

export function checkOutboxEntry(entry: NewOutboxEntry): void {
  checkId("recipient", entry.recipient);
  checkWhole("sequence number", entry.seq, 1);
  if (entry.at !== undefined) checkWhole("time", entry.at, 0);
  if (entry.epoch !== undefined) checkId("epoch", entry.epoch);
  checkEnvelope(entry.envelope);
}

export function checkInboundStream(stream: InboundStreamId): void {
  checkId("sender", stream.sender);
  checkId("device", stream.device);
  checkId("epoch", stream.epoch);
}

export function checkInboundPlace(entry: InboundPlace): void {
  checkInboundStream(entry);
  checkWhole("sequence number", entry.seq, 1);
}

/** The fact as a journal keeps it: checked, its texts cut, and nothing else in it. */
export function boundedFact({ state, at, path, device, code, reason, via }: DeliveryFact): DeliveryFact {
  if (!deliveryStates.includes(state)) throw new ParleyError("invalid_argument", { message: "This is no state." });
  checkWhole("time", at, 0);
  if (device !== undefined) checkId("device", device);
  return {
    state,
    at,
    ...(path === undefined ? {} : { path }),
    ...(device === undefined ? {} : { device }),
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason: reason.slice(0, maxFactCharacters) }),
    ...(via === undefined ? {} : { via: via.slice(0, maxFactCharacters) }),
  };
}

export function checkNote(recipient: string, from: number, to: number, receipt: Uint8Array | undefined): void {
  checkId("recipient", recipient);
  checkWhole("first number", from, 1);
  checkWhole("last number", to, from);
  if (receipt !== undefined) checkSize("receipt", receipt, maxReceiptBytes);
}

export function checkPendingQuery({ sender, after, limit }: PendingQuery): void {
  if (sender !== undefined) checkId("sender", sender);
  if (after !== undefined) checkWhole("place", after, 0);
  if (limit !== undefined) checkWhole("limit", limit, 1);
}

/** A query with its defaults filled in. */
export interface DeliveryPlan {
  /** Epoch and number of the id asked for. */
  readonly id: { readonly epoch: string; readonly seq: number } | undefined;
  readonly limit: number;
  readonly newestFirst: boolean;
  readonly after: number | undefined;
  /** Whether a record is asked for, by everything but its id and place. */
  readonly takes: (record: {
    readonly id: string;
    readonly peer: string;
    readonly direction: DeliveryRecord["direction"];
    readonly state: DeliveryState;
    readonly pending: boolean;
  }) => boolean;
}

export function checkDeliveryQuery(query: DeliveryQuery): DeliveryPlan {
  const { peer, direction, states, pendingOnly, after, limit = defaultDeliveries } = query;
  if (peer !== undefined) checkId("peer", peer);
  if (after !== undefined) checkWhole("place", after, 0);
  checkWhole("limit", limit, 1);
  const like = query.idLike === undefined ? undefined : placeIn(query.idLike);
  return {
    id: query.id === undefined ? undefined : placeIn(query.id),
    limit: Math.min(limit, maxDeliveries),
    newestFirst: query.newestFirst === true,
    after,
    takes: (record) =>
      (like === undefined || fits(placeIn(record.id), like)) &&
      (peer === undefined || record.peer === peer) &&
      (direction === undefined || record.direction === direction) &&
      (states === undefined || states.includes(record.state)) &&
      (pendingOnly !== true || record.pending),
  };
}

type IdParts = ReturnType<typeof placeIn>;
const fits = (id: IdParts, like: IdParts): boolean => id.seq === like.seq && id.epoch.includes(like.epoch);

/** Epoch and number of an envelope's id. */
export function placeIn(id: string): { readonly epoch: string; readonly seq: number } {
  const dot = id.lastIndexOf(".");
  const digits = id.slice(dot + 1);
  const seq = /^[1-9]\d{0,15}$/.test(digits) ? Number(digits) : 0;
  if (dot < 1 || dot > maxJournalTextLength || !Number.isSafeInteger(seq) || seq === 0)
    throw new ParleyError("invalid_argument", { message: "An id is <epoch>.<number>." });
  return { epoch: id.slice(0, dot), seq };
}

export function checkPlaces(places: readonly number[]): void {
  checkCount(places.length);
  for (const place of places) checkWhole("place", place, 1);
}

export function checkImport(records: readonly DeliveryRecord[]): void {
  checkCount(records.length);
  for (const record of records) {
    const { id, direction, peer, device, epoch, seq, kind, created, expires, facts, receipts, body } = record;
    placeIn(id);
    checkId("peer", peer);
    checkId("epoch", epoch);
    checkWhole("sequence number", seq, 1);
    checkWhole("kind", kind, 0);
    checkWhole("time", created, 0);
    if (expires !== undefined) checkWhole("expiry", expires, created);
    checkSize("envelope", body, limits.envelopeBytes);
    if (direction === "in") checkId("device", device ?? "");
    const first = direction === "in" ? "delivered" : "accepted";
    if (facts[0]?.state !== first || facts.length > deliveryStates.length)
      throw new ParleyError("invalid_argument", {
        message: `A record's facts begin with ${first}, one per state.`,
      });
    for (const fact of facts) boundedFact(fact);
    for (const receipt of receipts.values()) checkSize("receipt", receipt, maxReceiptBytes);
  }
}

function checkCount(count: number): void {
  if (count > maxDeliveries)
    throw new ParleyError("invalid_argument", { message: `At most ${maxDeliveries} at once.` });
}

/** The entries of one commit are in ascending order and none is beyond the cursor that goes with them. */
export function checkInboxCommit(stream: InboundStreamId, seq: number, entries: readonly ReceivedEntry[]): void {
  checkInboundStream(stream);
  checkWhole("cursor", seq, 1);
  let previous = 0;
  for (const entry of entries) {
    checkWhole("sequence number", entry.seq, previous + 1);
    checkEnvelope(entry.envelope);
    previous = entry.seq;
  }
  if (previous > seq) throw new ParleyError("invalid_argument", { message: "An entry is beyond the cursor." });
}

export function checkStateKey(key: string): void {
  checkId("state key", key);
}

export function checkState(key: string, value: Uint8Array | undefined): void {
  checkStateKey(key);
  if (value !== undefined) checkSize("state", value, maxJournalStateBytes);
}
