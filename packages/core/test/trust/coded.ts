import { type ErrorCode, isParleyError } from "@parley/protocol";

/** The code of what a call or promise fails with; `none` when it does not, `uncoded` when the error has none. */
export async function coded(work: Promise<unknown> | (() => unknown)): Promise<ErrorCode | "none" | "uncoded"> {
  try {
    await (typeof work === "function" ? work() : work);
    return "none";
  } catch (error) {
    return isParleyError(error) ? error.code : "uncoded";
  }
}
