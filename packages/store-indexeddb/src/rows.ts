import type { DeliveryFact, DeliveryRow, InboundRow, KnownFact, OutboundRow } from "@parley/core";
import type { DeliveryState, Envelope, Path } from "@parley/protocol";
import { envelopeId } from "@parley/protocol";

/** Why an entry is history; what was sent is so also when its stream is settled beyond it. `imported`: this device may still receive it. */
type Outcome = "pending" | "handled" | "noted" | "dropped" | "imported";

/** An entry without its body: the record of `entries`. */
export interface EntryRow {
  readonly place: number;
  /** 1: sent. A number, because a key cannot be a boolean. */
  readonly outgoing: 0 | 1;
  readonly stream: number;
  readonly seq: number;
  /** When it was accepted or received. */
  readonly at: number;
  readonly path: Path | undefined;
  readonly outcome: Outcome;
  readonly settledAt: number;
  readonly attempts: number;
  readonly redelivered: boolean;
  readonly isTail: boolean;
  readonly bytes: number;
  readonly envelope: Omit<Envelope, "body" | "origin">;
  /** Epoch and number, as a key. Absent for an entry that is where it was accepted. */
  readonly origin?: readonly [string, number];
  /** There while a received entry is pending, so that an index holds only those. */
  readonly open?: 1;
}

/** Of `outbound`. */
export interface OutboundStreamRow extends OutboundRow {
  /** 0: history, or from another device. */
  current: 0 | 1;
}

/** Of `inbound`. */
export interface InboundStreamRow extends InboundRow {
  readonly id: number;
  touched: number;
}

/** Of `rangeFacts`. */
export interface RangeRow extends KnownFact {
  readonly stream: number;
  readonly to: number;
  readonly state: DeliveryState;
  readonly from: number;
  readonly order: number;
}

/** Of `entryFacts`. */
export interface EntryFactRow extends KnownFact {
  readonly place: number;
  readonly state: DeliveryState;
}

/** The stream that an entry belongs to, in either direction. */
export type StreamOf =
  | { readonly direction: "in"; readonly row: InboundStreamRow }
  | { readonly direction: "out"; readonly row: OutboundStreamRow };

export function envelopeOf({ envelope, origin }: EntryRow, body: Uint8Array): Envelope {
  return { ...envelope, origin: origin === undefined ? undefined : { epoch: origin[0], seq: origin[1] }, body };
}

/** What a row keeps of an envelope. */
export function envelopePart(whole: Envelope): Pick<EntryRow, "envelope" | "origin"> {
  const { kind, critical, more, created, ttl, hops, trace, origin } = whole;
  const envelope = { kind, critical, more, created, ttl, hops, trace };
  return origin === undefined ? { envelope } : { envelope, origin: [origin.epoch, origin.seq] };
}

export function deliveryRowOf(entry: EntryRow, stream: StreamOf): DeliveryRow {
  const { place, seq, at, path, outcome, settledAt, attempts, redelivered, isTail, bytes, envelope, origin } = entry;
  const { direction } = stream;
  const { epoch } = stream.row;
  const isSent = stream.direction === "out";
  const first: DeliveryFact = { state: isSent ? "accepted" : "delivered", at, ...(path === undefined ? {} : { path }) };
  const isSettled = isSent && (stream.row.current === 0 || seq <= stream.row.settled);
  return {
    place,
    id: origin === undefined ? envelopeId(epoch, seq) : envelopeId(...origin),
    direction,
    stream: entry.stream,
    peer: isSent ? (stream.row.recipient.split("|", 1)[0] ?? "") : stream.row.sender,
    device: isSent ? undefined : stream.row.device,
    epoch,
    seq,
    kind: envelope.kind,
    created: envelope.created,
    ttl: envelope.ttl,
    bytes,
    pending: outcome === "pending" && !isSettled,
    attempts,
    redelivered: redelivered || attempts > 0,
    isTail,
    isDropped: outcome === "dropped",
    first,
    handledAt: outcome === "handled" ? settledAt : undefined,
  };
}
