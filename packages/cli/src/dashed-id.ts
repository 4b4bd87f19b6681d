/**
 * Ids are base64url, so that one of 64 begins with `-`, and an option parser would take it for an option. A mark in front
 * keeps it an argument, or the value of an option, while the line is parsed.
 */
const mark = "\u0001";

/** 16 or 32 bytes in base64url, or a message's id: what nobody types as an option. */
const dashedId = /^-(?:[\w-]{21}(?:\.\d+)?|[\w-]{42})$/;

/** What every id of this length has, and no name of an option. */
const notInNames = /[A-Z\d_]/;

/** Marks what can only be an id; `shorts` are the letters of options whose value may follow at once, as in `-dFOLDER`. */
export function markDashedId(word: string, shorts: ReadonlySet<string>): string {
  return dashedId.test(word) && notInNames.test(word) && !shorts.has(word.charAt(1)) ? mark + word : word;
}

/** Takes all marks away again, also from words inside a sentence. */
export const unmarkDashedIds = (text: string): string => text.replaceAll(mark, "");
