import type { AnyContent } from "@parley/protocol";
import { knownContent } from "@parley/protocol";

import { maxWordCharacters, maxWords } from "../ports/archive.ts";

/**
 * The different words of a text as search compares them: letters and digits, without case, accents and other marks, as SQLite's
 * `unicode61 remove_diacritics 2` would have them.
 */
export function searchWords(text: string): readonly string[] {
  const folded = text.normalize("NFKD").toLowerCase().replaceAll(/\p{M}/gu, "").replaceAll("ς", "σ");
  const words = new Set<string>();
  for (const [word] of folded.matchAll(/[\p{L}\p{N}]+/gu)) {
    words.add(word.length > maxWordCharacters ? start(word) : word);
    if (words.size === maxWords) break;
  }
  return [...words];
}

/** Whole characters, each of one or two units. */
const start = (word: string): string =>
  Array.from(word.slice(0, 2 * maxWordCharacters))
    .slice(0, maxWordCharacters)
    .join("");

/** The words by which a message is found. */
export function wordsOf(content: AnyContent): readonly string[] {
  const known = knownContent(content);
  return known?.type === "text" ? searchWords(known.text) : [];
}

/** Whether there is, for each word that was asked for, one that begins with it. */
export function hasWords(words: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((start) => words.some((word) => word.startsWith(start)));
}
