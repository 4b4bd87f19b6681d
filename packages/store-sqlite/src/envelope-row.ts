import type { SQLInputValue } from "node:sqlite";

import type { Envelope } from "@parley/protocol";

import type { Row } from "./column.ts";
import { bytesIn, numberIn, textIn } from "./column.ts";

const criticalBit = 1;
/** The body goes on in the next entry. */
export const moreBit = 2;
/** The last of several entries of one body, in the outbox. */
export const tailBit = 4;
/** Flagged as redelivered when it came, or opened again. */
export const redeliveredBit = 8;

/** The columns of an envelope, in the order of `envelopeValues`. */
export const envelopeColumns = "kind, flags, created, ttl, hops, trace, origin_epoch, origin_seq, body";

/** The values of an envelope; `mark` is for the bits that are not the envelope's own. */
export function envelopeValues(envelope: Envelope, mark = 0): readonly SQLInputValue[] {
  const { kind, critical, more, created, ttl, hops, trace, origin, body } = envelope;
  const flags = (critical ? criticalBit : 0) | (more ? moreBit : 0) | mark;
  return [kind, flags, created, ttl, hops, trace ?? null, origin?.epoch ?? null, origin?.seq ?? null, body];
}

export function envelopeOf(row: Row): Envelope {
  const flags = numberIn(row, "flags");
  return {
    kind: numberIn(row, "kind"),
    critical: (flags & criticalBit) !== 0,
    more: (flags & moreBit) !== 0,
    created: numberIn(row, "created"),
    ttl: numberIn(row, "ttl"),
    hops: numberIn(row, "hops"),
    trace: row["trace"] === null ? undefined : bytesIn(row, "trace"),
    origin:
      row["origin_epoch"] === null
        ? undefined
        : { epoch: textIn(row, "origin_epoch"), seq: numberIn(row, "origin_seq") },
    body: bytesIn(row, "body"),
  };
}
