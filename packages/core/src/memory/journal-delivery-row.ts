import type { Envelope } from "@parley/protocol";
import { envelopeId } from "@parley/protocol";

import type { DeliveryDirection, DeliveryFact, DeliveryRecord } from "../ports/journal-history.ts";
import type { PendingEntry } from "../ports/journal.ts";
import { placeIn } from "./journal-checks.ts";
import type { KnownFacts } from "./journal-facts.ts";
import type { PendingReceived } from "./journal-inbox-ledger.ts";

/** What an adapter's row says of an entry, without its body. */
export interface DeliveryRow {
  readonly place: number;
  readonly id: string;
  readonly direction: DeliveryDirection;
  /** The adapter's number for the stream, different for every stream of one direction. */
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

/** Dropped before anything was known of it but that it was accepted: its caller took it back. */
export function isWithdrawn(row: DeliveryRow, facts: KnownFacts): boolean {
  return row.isDropped && facts.state === "accepted";
}

export function deliveryRecordOf(row: DeliveryRow, facts: KnownFacts, body: Uint8Array): DeliveryRecord {
  const { place, id, direction, peer, device, epoch, seq, kind, created, ttl, pending, attempts, redelivered } = row;
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

/** One body from those of its entries. */
export function joinBodies(parts: readonly Uint8Array[]): Uint8Array {
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

/** The envelope of a record that another device tells of. What records do not say of an envelope is left out. */
export function importedEnvelope({ id, epoch, seq, kind, created, expires, body }: DeliveryRecord): Envelope {
  const origin = id === envelopeId(epoch, seq) ? undefined : placeIn(id);
  const ttl = expires === undefined ? 0 : expires - created;
  return { kind, critical: false, more: false, created, ttl, hops: 0, trace: undefined, origin, body };
}

/** A received entry as the ledger keeps it. */
export function pendingReceivedOf(row: DeliveryRow, isNoted: boolean): PendingReceived {
  const { peer: sender, device = "", epoch, seq, place, bytes, attempts } = row;
  return { sender, device, epoch, seq, place, bytes, attempts, isNoted };
}

/** A received entry as it is handed out. `isOld`: it was there when the journal was opened. */
export function pendingEntryOf(row: DeliveryRow, envelope: Envelope, isOld: boolean): PendingEntry {
  const { peer: sender, device = "", epoch, seq, place, attempts, first } = row;
  const path = first.path === undefined ? {} : { path: first.path };
  const redelivered = row.redelivered || isOld;
  return { sender, device, epoch, seq, receivedAt: first.at, envelope, ...path, place, attempts, redelivered };
}
