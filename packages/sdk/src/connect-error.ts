import { ParleyError, toParleyError } from "@parley/protocol";

/** What ended an attempt to connect, with its code: `canceled` where the caller's signal did. */
export function connectError(cause: unknown, signal: AbortSignal | undefined): ParleyError {
  const error = toParleyError(cause);
  return error.code === "internal" && signal?.aborted === true ? new ParleyError("canceled", { cause }) : error;
}
