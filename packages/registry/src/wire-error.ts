import { type ErrorCode, limits, type ParleyError, type WireError, wireErrorSchema } from "@parley/protocol";

/** Codes whose facts are meant for the other side; those of the others may say too much of what happened here. */
const toldFacts: readonly ErrorCode[] = ["mailbox_full", "lease_held"];

/** An error as it goes over the wire: no cause, bounded text. What is `internal` says nothing of what happened. */
export function toWireError(error: ParleyError): WireError {
  const facts = toldFacts.includes(error.code) ? wireErrorSchema.shape.data.safeParse(error.data) : undefined;
  return {
    code: error.code,
    message: error.message.slice(0, limits.errorCharacters),
    ...(facts?.data === undefined ? {} : { data: facts.data }),
  };
}
