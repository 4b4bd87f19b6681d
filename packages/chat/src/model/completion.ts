/** What Tab makes of a word: `/command`, `@name` or `#channel`. */
import type { Editor } from "./editor.ts";
import { replaceBack } from "./editor.ts";
import { fuzzyFilter } from "./fuzzy.ts";

export interface CompletionWords {
  readonly commands: readonly string[];
  /** Names without `@`. */
  readonly members: readonly string[];
  /** Names without `#`. */
  readonly channels: readonly string[];
}

export interface Completion {
  /** Whole words with their sign, the best first. */
  readonly candidates: readonly string[];
  readonly index: number;
  /** Where the word begins. */
  readonly from: number;
}

/** Candidates that are offered. */
const mostCandidates = 8;

/** What the word before the cursor may become; undefined when nothing fits. */
export function completionAt({ text, cursor }: Editor, words: CompletionWords): Completion | undefined {
  const match = /(?:^|\s)([/@#][^\s/@#]*)$/.exec(text.slice(0, cursor));
  const word = match?.[1];
  if (word === undefined) return undefined;
  const from = cursor - word.length;
  const [sign, known] = knownWords(word, from, words);
  const begun = word.slice(1).toLowerCase();
  const beginning = known.filter((each) => each.toLowerCase().startsWith(begun)).toSorted();
  const rest = fuzzyFilter(begun, known, (each) => each).filter((each) => !beginning.includes(each));
  const candidates = [...beginning, ...rest].slice(0, mostCandidates).map((each) => sign + each);
  return candidates.length === 0 ? undefined : { candidates, index: 0, from };
}

function knownWords(word: string, from: number, words: CompletionWords): readonly [string, readonly string[]] {
  if (word.startsWith("@")) return ["@", words.members];
  if (word.startsWith("#")) return ["#", words.channels];
  return ["/", from === 0 ? words.commands : []];
}

/** Puts the chosen candidate into the text, with a space behind it. */
export function completed(editor: Editor, { candidates, index, from }: Completion): Editor {
  return replaceBack(editor, from, `${candidates[index] ?? ""} `);
}

/** Begins with the next candidate, around the end. */
export const nextCandidate = (completion: Completion): Completion => ({
  ...completion,
  index: (completion.index + 1) % completion.candidates.length,
});
