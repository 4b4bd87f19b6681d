/**
 * What a message brings that was not said before: its words by their beginnings, names of things, numbers. Only what can be
 * compared is kept, never the text.
 */
import { isCourtesy, isJoint, stemOf, withoutUnspacedCourtesy } from "./small-talk.ts";

/** A message in the form in which it is compared. */
export interface MessageWords {
  /** Words that say something, by their beginnings; each once. */
  readonly words: readonly string[];
  /** Names of things: files, functions, addresses, identifiers with their digits made equal; each once. */
  readonly names: readonly string[];
  /** Numbers as they stand, but for times of day and dates; each once. */
  readonly numbers: readonly number[];
  /** Coordinates, moves, seats: a letter or three with a number; each once. */
  readonly codes: readonly { readonly letters: string; readonly n: number }[];
  /** `n` of `of`: 12/40, 12 of 40, 30 %. */
  readonly progress: readonly { readonly n: number; readonly of: number }[];
  /** Words of courtesy. */
  readonly courtesy: number;
  /** The whole without digits, signs and blanks, as far as it is looked at; its digits where there is nothing else. */
  readonly skeleton: string;
}

/** Characters of a message that are looked at, and words of one that are kept. */
const mostCharacters = 4_000;
const mostWords = 400;
const mostProgress = 16;
/** Characters of one without letters, of which the digits are kept. */
const mostDigits = 64;

const timesOfDay =
  /\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?|\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\b/g;
const shares =
  /(\d+(?:\.\d+)?)\s*(?:%|percent|prozent|pour cent|por ciento)|(\d+)\s*(?:\/|of|von|sur|de|di|из|out of)\s*(\d+)/gu;
/** Has a dot, slash, underscore, colon, parenthesis or hump inside, or letters and digits: no word of a language. */
const thing =
  /[\p{L}\p{N}$#@~-]*[\p{L}\p{N})](?:[./_:#=\\]+[\p{L}\p{N}_()-]+)+(?:\(\))?|[\p{L}_$][\p{L}\p{N}_$]*\(\)|\p{Ll}+(?:\p{Lu}\p{L}+)+|(?:\p{L}+-?\d|\d+\p{L}{2,})[\p{L}\p{N}-]*/gu;
/** A code that stands for a thing by itself: `e4`, `Nf3`, `B12`. */
const code = /^(\p{L}{1,3})(\d{1,2})$/u;
/** Longer runs without a blank are taken in parts. */
const longRun = /\S{48}/gu;
const decimal = /^\d+\.\d+$/;
const calls = /@[\p{L}\p{N}:._-]+/gu;
const word = /[\p{L}\p{M}]+(?:['’][\p{L}]+)?/gu;
const unspacedScript = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;

/** What is looked at, without runs in which every place could begin something. */
function beginningOf(text: string): string {
  const beginning = text.slice(0, mostCharacters).normalize("NFKC").slice(0, mostCharacters);
  return beginning.replaceAll(/\s+/g, " ").replaceAll(longRun, "$& ");
}

export function wordsOf(text: string): MessageWords {
  let rest = beginningOf(text).replaceAll(calls, " ").replaceAll(timesOfDay, " ");
  const progress: { n: number; of: number }[] = [];
  rest = rest.replaceAll(shares, (_, percent?: string, n?: string, of?: string) => {
    if (percent !== undefined) progress.push({ n: Number(percent), of: 100 });
    else progress.push({ n: Number(n), of: Number(of) });
    return " ";
  });
  const names = new Set<string>();
  const codes = new Map<string, { letters: string; n: number }>();
  rest = rest.replaceAll(thing, (name) => {
    if (decimal.test(name)) return name;
    const [, letters, n] = code.exec(name) ?? [];
    if (letters === undefined) names.add(nameOf(name));
    else codes.set(name.toLowerCase(), { letters: letters.toLowerCase(), n: Number(n) });
    return " ";
  });
  const numbers = new Set<number>();
  for (const [digits] of rest.matchAll(/\d+(?:[.,]\d+)?/g)) numbers.add(Number(digits.replace(",", ".")));
  const { text: spoken, count } = withoutUnspacedCourtesy(rest.toLowerCase());
  const { words, courtesy } = spokenWords(spoken);
  return {
    words: [...words].slice(0, mostWords),
    names: [...names].slice(0, mostWords),
    numbers: [...numbers].slice(0, mostWords),
    codes: [...codes.values()].slice(0, mostWords),
    progress: progress.slice(0, mostProgress),
    courtesy: courtesy + count,
    skeleton: rest.toLowerCase().replaceAll(/[^\p{L}]/gu, "") || text.slice(0, mostDigits).replaceAll(/\D/g, ""),
  };
}

/** A counter in a name makes no other name; what is mostly digits and letters mixed is one thing like any other. */
function nameOf(name: string): string {
  const masked = name.toLowerCase().replaceAll(/\d+/g, "0");
  return /^(?:0|[a-f]){6,}$/.test(masked) || (masked.match(/0/g)?.length ?? 0) >= 3 ? "0" : masked;
}

function spokenWords(text: string): { readonly words: ReadonlySet<string>; readonly courtesy: number } {
  const words = new Set<string>();
  let courtesy = 0;
  for (const [whole] of text.matchAll(word)) {
    if (unspacedScript.test(whole)) {
      const characters = Array.from(whole);
      for (let at = 0; at + 1 < characters.length; at++) words.add(characters.slice(at, at + 2).join(""));
      continue;
    }
    const stem = stemOf(whole);
    if (isCourtesy(stem)) courtesy++;
    else if (whole.length > 2 && !isJoint(stem)) words.add(stem);
  }
  return { words, courtesy };
}

/** Whether a piece of a word is of a script without blanks, of which each word makes several. */
export const isPiece = (stem: string): boolean => unspacedScript.test(stem);
