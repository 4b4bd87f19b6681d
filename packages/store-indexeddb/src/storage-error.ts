import { isParleyError, ParleyError } from "@parley/protocol";

/** What IndexedDB threw, as a coded error. `what` names the database. */
export function toStorageError(what: string, error: unknown): ParleyError {
  if (isParleyError(error)) return error;
  // Indexed Database API 3.0, section 4.1: an exception's name says what happened.
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "QuotaExceededError")
    return new ParleyError("storage_full", {
      message: `${what}: the browser gives this page no more space.`,
      cause: error,
    });
  if (name === "VersionError")
    return new ParleyError("data_too_new", { message: `${what}: a newer Parley wrote it.`, cause: error });
  return new ParleyError("storage_unavailable", {
    message: `${what}: the browser's storage cannot be used.`,
    cause: error,
    data: { reason: name },
  });
}
