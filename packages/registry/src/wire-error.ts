import { limits, type ParleyError, type WireError } from "@parley/protocol";

/** An error as it goes over the wire: no cause, bounded text. What is `internal` says nothing of what happened. */
export function toWireError(error: ParleyError): WireError {
  return { code: error.code, message: error.message.slice(0, limits.errorCharacters) };
}
