/**
 * How much news a message brings to a conversation: measured against what was said before it, by the share that is new in
 * it as much as by its amount. Bare codes and numbers are news where they make up the message, and none where they change
 * in a sentence that stays.
 */
import { isPiece, type MessageWords } from "./message-news.ts";

/** A message that was said before. */
export interface Said {
  readonly from: string;
  readonly words: MessageWords;
  /** It brought enough that a short answer to it is one. */
  readonly isContent: boolean;
}

/** News of one message. */
export interface News {
  readonly amount: number;
  /** The same without regard to what share of the message it is. */
  readonly plain: number;
  /** One more acknowledges what another one acknowledged before. */
  readonly isJoining: boolean;
  readonly isRepeat: boolean;
  readonly isCourteous: boolean;
  readonly isContent: boolean;
  /** Words and names that nobody said. */
  readonly fresh: number;
  /** Nothing but numbers and codes makes it news. */
  readonly isByNumbers: boolean;
}

const weights = {
  word: 1,
  piece: 0.34,
  name: 2.5,
  number: 2.5,
  code: 2.5,
  dense: 0.5,
  back: 0.75,
  answer: 0.5,
  otherAnswer: 1,
} as const;
/** Of what a message says, less than this share is new: it says the same at length. */
const thinShare = 0.34;
/** As much of it is new: it is short because it says one thing. Its news counts twice, up to a bound. */
const denseShare = 0.8;
const halfShare = 0.5;
const mostByDensity = 3;
const mostByThinness = 2.5;
/** News from which on a message is content that can be answered. */
const leastContent = 1;
/** Messages before the newest one: what is not in these is taken up again. */
const justNow = 5;
const mostTakenUp = 3;
/** A number that goes up by no more than this counts messages. */
const counterStep = 3;
const mostNumbers = 2;
/** From here on a number is an id or a moment. */
const leastMoment = 100_000_000;

export function measureNews(words: MessageWords, from: string, said: readonly Said[]): News {
  const spoken = words.words.length + words.names.length;
  const isCourteous = words.courtesy * 2 > spoken + words.codes.length;
  const frames = said.filter(({ words: before }) => before.skeleton === words.skeleton);
  const isRepeat = frames.length > 0 && words.skeleton !== "";
  const isEcho = isRepeat && frames.some((each) => each.from !== from);
  const answers = answerTo(from, said);
  const taken = isCourteous || isSameExchange(words, said) ? 0 : takenUp(words, said);
  const fresh = freshOf(words, said);
  const numbers = isCourteous ? 0 : Math.min(mostNumbers, newNumbers(words, from, said));
  const codes = isCourteous ? 0 : Math.min(mostNumbers, newCodes(words, from, said));
  const news = fresh.count + numbers + codes + taken;
  const share = news === 0 ? 0 : news / (news + echoed(words, from, said) + words.courtesy);
  const byNumbers = numbers * weights.number * (isEcho ? 0.25 : share >= halfShare ? 1 : 0.5) + codes * weights.code;
  const plain = (isRepeat ? 0 : fresh.amount) + taken * weights.back;
  const byWords = weighed(plain, share, isCourteous);
  const isContent =
    !isCourteous &&
    (share >= denseShare || (byNumbers > 0 && share >= halfShare)) &&
    byWords + byNumbers >= leastContent;
  return {
    amount: byWords + byNumbers + (answers ? (isCourteous ? weights.answer : answerWeight(words, from, said)) : 0),
    plain: Math.min(byWords, plain) + byNumbers,
    isJoining: isCourteous && answers && said.at(-1)?.isContent === false,
    isRepeat: isRepeat || news === 0,
    isCourteous,
    isContent,
    fresh: fresh.count,
    isByNumbers: byNumbers > byWords,
  };
}

/** What the others said just now: who says the same in other words repeats it, and who deals out rows only repeats itself. */
function echoed({ words, names }: MessageWords, from: string, said: readonly Said[]): number {
  const others = said.slice(-justNow).filter((each) => each.from !== from);
  const [saidWords, saidNames] = [allOf(others, "words"), allOf(others, "names")];
  return words.filter((each) => saidWords.has(each)).length + names.filter((each) => saidNames.has(each)).length;
}

function allOf(said: readonly Said[], of: "words" | "names"): ReadonlySet<string> {
  return new Set(said.flatMap(({ words }) => words[of]));
}

function weighed(amount: number, share: number, isCourteous: boolean): number {
  if (amount === 0) return 0;
  if (isCourteous || share < thinShare) return Math.min(amount / 2, mostByThinness);
  if (share >= denseShare) return Math.max(amount, Math.min(2 * amount + weights.dense, mostByDensity));
  return (amount * (1 + (share - thinShare) / (denseShare - thinShare))) / 2;
}

/** The first word of its author after content of another one: then even yes, no and mine say something. */
function answerTo(from: string, said: readonly Said[]): boolean {
  const at = said.findLastIndex(({ isContent }) => isContent);
  return at >= 0 && said.slice(at).every((each) => each.from !== from);
}

/** Hit after miss says more than the third ok. */
function answerWeight({ skeleton }: MessageWords, from: string, said: readonly Said[]): number {
  const last = said.findLast((each) => each.from === from);
  return last === undefined || last.words.skeleton === skeleton ? weights.answer : weights.otherAnswer;
}

function freshOf(
  { words, names }: MessageWords,
  said: readonly Said[],
): { readonly amount: number; readonly count: number } {
  const [saidWords, saidNames] = [allOf(said, "words"), allOf(said, "names")];
  const newWords = words.filter((each) => !saidWords.has(each));
  const newNames = names.filter((each) => !saidNames.has(each));
  const pieces = newWords.filter(isPiece).length;
  const amount = (newWords.length - pieces) * weights.word + pieces * weights.piece + newNames.length * weights.name;
  return { amount, count: newWords.length + newNames.length };
}

/** The same after the same: a round that is gone through once more. */
function isSameExchange({ skeleton }: MessageWords, said: readonly Said[]): boolean {
  const last = said.at(-1)?.words.skeleton;
  return said.some((each, at) => at > 0 && each.words.skeleton === skeleton && said[at - 1]?.words.skeleton === last);
}

/** What was talked about before, but not just now: the next step of a procedure, the next part of a list. */
function takenUp(words: MessageWords, said: readonly Said[]): number {
  const countOf = (of: "words" | "names"): number => {
    const [just, all] = [allOf(said.slice(-justNow), of), allOf(said, of)];
    return words[of].filter((each) => !just.has(each) && all.has(each)).length;
  };
  return Math.min(mostTakenUp, countOf("words") + countOf("names"));
}

/** Numbers that nobody said and that do not only count on: by small steps, or by the same step as before. */
function newNumbers({ numbers }: MessageWords, from: string, said: readonly Said[]): number {
  const before = new Set(said.flatMap(({ words }) => words.numbers));
  const withNumbers = said.filter(({ words }) => words.numbers.length > 0);
  const own = withNumbers.filter((each) => each.from === from);
  const [earlier, last] = own.slice(-2).map(({ words }) => (words.numbers.length === 1 ? words.numbers[0] : undefined));
  const next = earlier === undefined || last === undefined ? undefined : 2 * last - earlier;
  const newest = [...(withNumbers.at(-1)?.words.numbers ?? []), ...(own.at(-1)?.words.numbers ?? [])];
  return numbers.filter(
    (each) => each < leastMoment && each !== next && !before.has(each) && !newest.some((one) => countsOn(one, each)),
  ).length;
}

/** Whole numbers count; what has a fraction was measured. */
const countsOn = (last: number, next: number): boolean =>
  Number.isInteger(next) && next >= last && next - last <= counterStep;

/** Coordinates and the like that nobody said and that do not only count on. */
function newCodes({ codes }: MessageWords, from: string, said: readonly Said[]): number {
  const withCodes = said.filter(({ words }) => words.codes.length > 0);
  const before = new Set(withCodes.flatMap(({ words }) => words.codes.map(codeOf)));
  const newest = [withCodes.at(-1), withCodes.findLast((each) => each.from === from)].flatMap(
    (each) => each?.words.codes ?? [],
  );
  return codes.filter(
    (code) =>
      !before.has(codeOf(code)) && !newest.some((each) => each.letters === code.letters && countsOn(each.n, code.n)),
  ).length;
}

const codeOf = ({ letters, n }: MessageWords["codes"][number]): string => letters + n;
