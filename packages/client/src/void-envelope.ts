import { type Envelope, envelopeKinds } from "@parley/protocol";

/** Holds the place of a number whose envelope is gone, so that the order of its stream has no hole. */
export const voidEnvelope = (created: number): Envelope => ({
  kind: envelopeKinds.void,
  critical: false,
  more: false,
  created,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
  body: new Uint8Array(),
});
