import { ParleyError } from "@parley/protocol";
import canonicalize from "canonicalize";

import { sha256 } from "./keys.ts";

/** A JSON value in its one spelling (RFC 8785). Throws `invalid_argument` for what JSON does not have. */
export function canonicalJson(value: unknown): string {
  try {
    const text = canonicalize(value);
    if (text !== undefined) return text;
  } catch (cause) {
    throw new ParleyError("invalid_argument", { message: "This has no canonical JSON.", cause });
  }
  throw new ParleyError("invalid_argument", { message: "This has no canonical JSON." });
}

/** SHA-256 of the canonical JSON of an action: what an approval of it names. */
export const digestOf = async (action: unknown): Promise<string> => sha256(canonicalJson(action));
