import { z } from "zod";

import { limits } from "./limits.ts";

/**
 * Names of members. `@librarian` on the command line and in text is the name `librarian`; the `@` is not part of it.
 * Alphabet: a-z, 0-9, `-`, `_`, `.`; the first character is a letter or digit; 1-32 characters.
 */
const namePattern = /^[a-z0-9][a-z0-9._-]*$/;

export const nameSchema = z.string().min(1).max(limits.nameCharacters).regex(namePattern);

/** Reads a name as a person types it: an optional `@`, any case. Undefined when it is not a name. */
export function parseName(text: string): string | undefined {
  const folded = (text.startsWith("@") ? text.slice(1) : text).toLowerCase();
  return folded.length <= limits.nameCharacters && namePattern.test(folded) ? folded : undefined;
}

/**
 * The key under which a name is unique: names that a reader could take for each other share one
 * (`0`/`o`, `1`/`i`/`l`, and all separators).
 */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll("0", "o").replaceAll(/[1i]/g, "l").replaceAll(/[._]/g, "-");
}

/** Skill ids: letters, digits, `-`, `_`, `.`; 1-64 characters. */
export const skillIdSchema = z
  .string()
  .min(1)
  .max(limits.skillCharacters)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/);

/** Short text from outside without control or bidirectional formatting characters (Unicode TR36). */
export const labelSchema = z
  .string()
  .min(1)
  .max(limits.labelCharacters)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), "has control characters");
