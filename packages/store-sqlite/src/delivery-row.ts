import type { DeliveryRow } from "@parley/core";
import { envelopeId } from "@parley/protocol";

import type { Row } from "./column.ts";
import { numberIn, textIn } from "./column.ts";
import { redeliveredBit, tailBit } from "./envelope-row.ts";
import { pathOf } from "./fact-row.ts";
import { outcomes } from "./journal-schema.ts";

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
