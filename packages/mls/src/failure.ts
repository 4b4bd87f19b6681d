import { type ErrorCode, isParleyError, ParleyError } from "@parley/protocol";
import { CodecError, CryptoVerificationError } from "ts-mls/mlsError.js";

function codeOf(error: unknown, otherwise: ErrorCode): ErrorCode {
  if (error instanceof CodecError) return "malformed_frame";
  return error instanceof CryptoVerificationError ? "bad_signature" : otherwise;
}

function coded(error: unknown, otherwise: ErrorCode): ParleyError {
  return isParleyError(error) ? error : new ParleyError(codeOf(error, otherwise), { cause: error });
}

/** Whatever the library throws on bytes of others as a coded error: `otherwise` when its kind says no more. */
export async function guarded<Result>(otherwise: ErrorCode, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw coded(error, otherwise);
  }
}

/** The same for what is done at once. */
export function guardedNow<Result>(otherwise: ErrorCode, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw coded(error, otherwise);
  }
}
