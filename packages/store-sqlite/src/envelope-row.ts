import type { SQLInputValue } from "node:sqlite";

import type { Envelope } from "@parley/protocol";

import type { Row } from "./column.ts";
import { bytesIn, numberIn, textIn } from "./column.ts";

const criticalBit = 1;
const moreBit = 2;

/** The columns of an envelope, in the order of `envelopeValues`. */
export const envelopeColumns = "kind, flags, created, ttl, hops, trace, origin_epoch, origin_seq, body";

export function envelopeValues(envelope: Envelope): readonly SQLInputValue[] {
  const { kind, critical, more, created, ttl, hops, trace, origin, body } = envelope;
  const flags = (critical ? criticalBit : 0) | (more ? moreBit : 0);
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
