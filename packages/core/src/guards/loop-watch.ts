/**
 * Tells when agents go round in circles. Fed with the messages of one conversation in order, it stops when a number of them
 * in a row brought nothing new: no words, names or numbers that were not said before, no progress, no attachment, no person.
 * It keeps what the newest messages were made of, not their texts, and its work for one message is bounded.
 */
import { isPiece, type MessageWords, wordsOf } from "./message-news.ts";

/** A message of a conversation, its author's kind beside it. */
export interface LoopMessage {
  /** Tells authors apart; no more is read from it. */
  readonly from: string;
  readonly kind: "agent" | "person";
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly attachments?: number;
}

export type LoopReason = "repeats" | "acknowledges" | "no-news";

export interface LoopWatchOptions {
  /** Messages of agents in a row that bring nothing new before it stops. Default 9. */
  readonly patience?: number;
  /** Milliseconds without a message after which it begins anew. Default 15 minutes. */
  readonly quietMs?: number;
}

interface Seen {
  readonly words: MessageWords;
  readonly from: string;
}

/** News of one message. */
interface News {
  readonly from: string;
  readonly amount: number;
  readonly isRepeat: boolean;
  readonly isCourteous: boolean;
}

export const defaultPatience = 9;
export const defaultQuietMs = 15 * 60_000;

/** Messages that are compared with. */
const mostSeen = 32;
/** One message with so much news shows that the conversation goes on, and as much in all of the newest ones does. */
const muchNews = 5;
const newsInAll = 8.5;
/** Of what it says, so much has to be new, or it says the same at length. */
const leastShare = 0.34;
/** Steps of progress and attachments in a row that count as news without any other. */
const mostSteps = 24;
const weights = { word: 1, piece: 0.34, name: 2.5, number: 2, back: 1, step: muchNews } as const;
/** Messages before the newest one: what is not in these is taken up again. */
const justNow = 5;
const mostTakenUp = 3;
/** A number that moves by no more than this counts messages. */
const counterStep = 3;
const mostNumbers = 2;

export class LoopWatch {
  readonly #patience: number;
  readonly #quietMs: number;
  #seen: Seen[] = [];
  #news: News[] = [];
  #last = 0;
  #steps = 0;
  #stopped: LoopReason | undefined;

  constructor({ patience = defaultPatience, quietMs = defaultQuietMs }: LoopWatchOptions = {}) {
    this.#patience = patience;
    this.#quietMs = quietMs;
  }

  /** Why the conversation stands still; undefined while it goes on. */
  get stopped(): LoopReason | undefined {
    return this.#stopped;
  }

  /** Takes the next message. Undefined when the conversation goes on, after it as before. */
  take(message: LoopMessage): LoopReason | undefined {
    const isQuiet = this.#last > 0 && message.at - this.#last > this.#quietMs;
    this.#last = Math.max(this.#last, message.at);
    if (message.kind === "person" || isQuiet) this.resume();
    const words = wordsOf(message.text);
    if (message.kind === "agent") this.#judge(words, message);
    this.#seen.push({ words, from: message.from });
    if (this.#seen.length > mostSeen) this.#seen.shift();
    return this.#stopped;
  }

  /** Goes on: what was said stays known, but patience begins anew. */
  resume(): void {
    this.#news = [];
    this.#steps = 0;
    this.#stopped = undefined;
  }

  #judge(words: MessageWords, message: LoopMessage): void {
    this.#news.push({ from: message.from, ...this.#newsOf(words, message) });
    if (this.#news.length > this.#patience) this.#news.shift();
    if (this.#stopped !== undefined || this.#news.length < this.#patience) return;
    if (!this.#isExchange()) return;
    const inAll = this.#news.reduce((sum, { amount }) => sum + amount, 0);
    if (inAll >= newsInAll || this.#news.some(({ amount }) => amount >= muchNews)) return;
    this.#stopped = this.#reason();
  }

  /** Somebody answers: one who only reports, however monotonously, goes round with nobody. */
  #isExchange(): boolean {
    const counts = new Map<string, number>();
    for (const { from } of this.#news) counts.set(from, (counts.get(from) ?? 0) + 1);
    return this.#news.length - Math.max(...counts.values()) >= this.#patience / 3;
  }

  #reason(): LoopReason {
    const most = this.#patience / 2;
    if (this.#news.filter(({ isRepeat }) => isRepeat).length > most) return "repeats";
    return this.#news.filter(({ isCourteous }) => isCourteous).length > most ? "acknowledges" : "no-news";
  }

  #newsOf(words: MessageWords, { from, attachments = 0 }: LoopMessage): Omit<News, "from"> {
    const said = words.words.length + words.names.length;
    const isCourteous = words.courtesy > 0 && words.courtesy * 2 >= said;
    const isRepeat = this.#seen.some(({ words: before }) => before.skeleton === words.skeleton);
    const advances = attachments > 0 || (!isCourteous && this.#advances(words, from));
    if (advances && this.#steps < mostSteps) {
      this.#steps++;
      return { amount: weights.step, isRepeat: false, isCourteous: false };
    }
    const numbers = isCourteous ? 0 : Math.min(mostNumbers, this.#newNumbers(words)) * weights.number;
    const again = isCourteous ? 0 : this.#takenUp(words);
    if (isRepeat) return { amount: numbers / 2 + again, isRepeat, isCourteous };
    const fresh = this.#freshOf(words);
    if (fresh.count >= 3 && !isCourteous) this.#steps = 0;
    const isThin = said > 0 && fresh.count / said < leastShare;
    const amount = (isThin || isCourteous ? Math.min(fresh.amount / 2, muchNews / 2) : fresh.amount) + numbers + again;
    return { amount, isRepeat, isCourteous };
  }

  #freshOf({ words, names }: MessageWords): { readonly amount: number; readonly count: number } {
    const isNewWord = (each: string): boolean => !this.#seen.some(({ words: before }) => before.words.includes(each));
    const isNewName = (each: string): boolean => !this.#seen.some(({ words: before }) => before.names.includes(each));
    const newWords = words.filter(isNewWord);
    const newNames = names.filter(isNewName);
    const pieces = newWords.filter(isPiece).length;
    const amount = (newWords.length - pieces) * weights.word + pieces * weights.piece + newNames.length * weights.name;
    return { amount, count: newWords.length + newNames.length };
  }

  /** What was talked about before, but not just now: the next step of a procedure, the next part of a list. */
  #takenUp({ words, names }: MessageWords): number {
    const just = this.#seen.slice(-justNow);
    const isBack = (each: string, of: "words" | "names"): boolean =>
      !just.some((seen) => seen.words[of].includes(each)) && this.#seen.some((seen) => seen.words[of].includes(each));
    const count =
      words.filter((each) => isBack(each, "words")).length + names.filter((each) => isBack(each, "names")).length;
    return Math.min(mostTakenUp, count * weights.back);
  }

  /** Further on the way to an end than what its author said before: 12 of 40 after 9 of 40. */
  #advances({ progress }: MessageWords, from: string): boolean {
    return progress.some(({ n, of }) => {
      if (n > of) return false;
      const before = this.#seen.findLast(
        (seen) => seen.from === from && seen.words.progress.some((each) => each.of === of),
      );
      return before === undefined || before.words.progress.some((each) => each.of === of && n > each.n);
    });
  }

  /** Numbers that nobody said and that are no counter of messages. */
  #newNumbers({ numbers }: MessageWords): number {
    const before = this.#seen.flatMap(({ words }) => words.numbers);
    return numbers.filter((each) => !before.some((other) => Math.abs(other - each) <= counterStep)).length;
  }
}
