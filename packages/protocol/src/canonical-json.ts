import canonicalize from "canonicalize";

import { ParleyError } from "./errors.ts";
import { decoded, type Decoded, undecodable } from "./result.ts";

/**
 * A JSON value in its one spelling (RFC 8785), for what is hashed: no white space, members sorted by their UTF-16 code units, numbers and
 * strings as ECMAScript writes them. Members that are `undefined` are left out. The nesting is the caller's to bound. Throws
 * `invalid_argument` for what JSON does not have.
 */
export function canonicalJson(value: unknown): string {
  try {
    const text = canonicalize(value);
    if (text !== undefined) return text;
  } catch (cause) {
    throw new ParleyError("invalid_argument", { message: "This has no canonical JSON.", cause });
  }
  throw new ParleyError("invalid_argument", { message: "This has no canonical JSON." });
}

/** The value again when the text that it was read from is its one spelling. Total. */
export function inCanonicalForm<Value>(value: Value, text: string): Decoded<Value> {
  return spells(value, text) ? decoded(value) : undecodable("invalid_argument", "not in canonical form");
}

function spells(value: unknown, text: string): boolean {
  try {
    return canonicalJson(value) === text;
  } catch {
    // Half of a character, which JSON's escapes can write, has no canonical form.
    return false;
  }
}
