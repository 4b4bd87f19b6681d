/**
 * Tells when agents go round in circles. Fed with the messages of one conversation in order, it stops when a number of them
 * in a row brought nothing new: no words, names or numbers that were not said before, no progress, no attachment, no person.
 * It keeps what the newest messages were made of, not their texts, and its work for one message is bounded.
 */
import { type MessageWords, wordsOf } from "./message-news.ts";
import { measureNews, type News, type Said } from "./news-measure.ts";

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
  /** News that two speakers have to bring in that many messages. Default 10.25; one new word of a short message is 2.5. */
  readonly leastNews?: number;
}

interface Judged extends News {
  readonly from: string;
}

export const defaultPatience = 9;
export const defaultLeastNews = 10.25;
export const defaultQuietMs = 15 * 60_000;

/** Messages that are compared with. */
const mostSeen = 32;
/** One message with so much news shows that the conversation goes on. */
const muchNews = 5;
/** Of several who speak one brings the news; from here on no more is taken off for the others. */
const mostSpeakers = 4;
/** Messages that follow one of their author's own and take no patience. */
const mostFollowing = 3;
/** Steps of progress and attachments in a row that count as news without any other. */
const mostSteps = 24;
/** Of the whole, so much is a step; less goes up and down by itself. */
const leastStep = 0.02;
/** Messages in a row that are news by their numbers and codes alone. */
const mostByNumbers = 60;
/** New words and names of one message that let both begin anew. */
const muchFresh = 3;

export class LoopWatch {
  readonly #patience: number;
  readonly #quietMs: number;
  readonly #leastNews: number;
  #seen: Said[] = [];
  #news: Judged[] = [];
  #last = 0;
  #steps = 0;
  #byNumbers = 0;
  #stopped: LoopReason | undefined;

  constructor({
    patience = defaultPatience,
    quietMs = defaultQuietMs,
    leastNews = defaultLeastNews,
  }: LoopWatchOptions = {}) {
    this.#patience = patience;
    this.#quietMs = quietMs;
    this.#leastNews = leastNews;
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
    const news = this.#newsOf(words, message);
    if (message.kind === "agent") this.#judge({ ...news, from: message.from });
    this.#seen.push({ words, from: message.from, isContent: news.isContent });
    if (this.#seen.length > mostSeen) this.#seen.shift();
    return this.#stopped;
  }

  /** Goes on: what was said stays known, but patience begins anew. */
  resume(): void {
    this.#news = [];
    this.#steps = 0;
    this.#byNumbers = 0;
    this.#stopped = undefined;
  }

  #judge(news: Judged): void {
    if (news.isJoining) return;
    this.#news.push(news);
    if (this.#news.length > this.#patience + mostFollowing) this.#news.shift();
    if (this.#stopped !== undefined) return;
    const newest = this.#newest();
    if (newest.length === 0 || !this.#isExchange(newest)) return;
    const inAll = newest.reduce((sum, { amount }) => sum + amount, 0);
    const speakers = Math.min(mostSpeakers, new Set(newest.map(({ from }) => from)).size);
    if (inAll >= (this.#leastNews * 2) / speakers || newest.some(({ plain }) => plain >= muchNews)) return;
    this.#stopped = this.#reason(newest);
  }

  /** As many messages as make patience full, of which those that follow their author's own are one; none when it is not. */
  #newest(): readonly Judged[] {
    let turns = 0;
    for (let at = this.#news.length - 1; at >= 0; at--) {
      if (this.#news[at]?.from !== this.#news[at - 1]?.from) turns++;
      if (turns === this.#patience) return this.#news.slice(at);
    }
    return this.#news.length === this.#patience + mostFollowing ? this.#news : [];
  }

  /** Somebody answers: one who only reports, however monotonously, goes round with nobody. */
  #isExchange(newest: readonly Judged[]): boolean {
    const counts = new Map<string, number>();
    for (const { from } of newest) counts.set(from, (counts.get(from) ?? 0) + 1);
    return newest.length - Math.max(...counts.values()) >= this.#patience / 3;
  }

  #reason(newest: readonly Judged[]): LoopReason {
    const most = newest.length / 2;
    if (newest.filter(({ isRepeat }) => isRepeat).length > most) return "repeats";
    return newest.filter(({ isCourteous }) => isCourteous).length > most ? "acknowledges" : "no-news";
  }

  #newsOf(words: MessageWords, { from, attachments = 0 }: LoopMessage): News {
    const news = measureNews(words, from, this.#seen);
    if (!news.isCourteous && news.fresh >= muchFresh) {
      this.#steps = 0;
      this.#byNumbers = 0;
    }
    const advances = attachments > 0 || (!news.isCourteous && this.#advances(words, from));
    if (advances && this.#steps < mostSteps) {
      this.#steps++;
      return { ...news, amount: muchNews, plain: muchNews, isRepeat: false, isCourteous: false, isContent: true };
    }
    if (news.isByNumbers && ++this.#byNumbers > mostByNumbers)
      return { ...news, amount: 0, plain: 0, isContent: false };
    return news;
  }

  /** Further on the way to an end than its author ever was with the same thing: 12 of 40 after 9 of 40. */
  #advances(words: MessageWords, from: string): boolean {
    const { progress } = words;
    const before = this.#seen
      .filter((each) => each.from === from && isSameThing(each.words, words))
      .flatMap((each) => each.words.progress);
    return progress.some(
      ({ n, of }) => n <= of && before.every((earlier) => earlier.of !== of || n - earlier.n >= of * leastStep),
    );
  }
}

function isSameThing(one: MessageWords, other: MessageWords): boolean {
  const [things, others] = [one, other].map(({ names, codes }) =>
    [...names, ...codes.map(({ letters, n }) => letters + n)].join(" "),
  );
  return things === others;
}
