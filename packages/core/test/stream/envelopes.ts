import { type DataSection, type Envelope, toBase64url } from "@parley/protocol";

export const epoch = toBase64url(new Uint8Array(16).fill(9));

/** An envelope whose body is these bytes. */
export function envelopeOf(body: Uint8Array, change: Partial<Envelope> = {}): Envelope {
  return {
    kind: 4,
    critical: false,
    more: false,
    created: 0,
    ttl: 0,
    hops: 0,
    trace: undefined,
    origin: undefined,
    body,
    ...change,
  };
}

/** An envelope that says its number. */
export const numbered = (seq: number): Envelope => envelopeOf(new TextEncoder().encode(String(seq)));

export const textOf = (envelope: Envelope): string => new TextDecoder().decode(envelope.body);

/** A data section with the envelopes of these numbers. */
export function sectionOf(firstSeq: number, count: number, base = 1): DataSection {
  const envelopes = Array.from({ length: count }, (_, index) => numbered(firstSeq + index));
  return { type: "data", class: "live", epoch, base, firstSeq, envelopes };
}
