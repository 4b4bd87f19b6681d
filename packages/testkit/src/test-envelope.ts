import { type Envelope, envelopeKinds } from "@parley/protocol";

/** A message with this body, which need not be one that a recipient understands; `change` stands for fields of its own. */
export function testEnvelope(body: Uint8Array | string, change: Partial<Envelope> = {}): Envelope {
  return {
    kind: envelopeKinds.message,
    critical: true,
    more: false,
    created: 1,
    ttl: 0,
    hops: 0,
    trace: undefined,
    origin: undefined,
    body: typeof body === "string" ? new TextEncoder().encode(body) : body,
    ...change,
  };
}
