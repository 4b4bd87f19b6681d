/**
 * Finds out that a link carries nothing any more, long before ICE does: what was sent on it is not answered.
 *
 * Silence while an answer is due is measured between sweeps. Halfway the other side is asked, since an answer may wait
 * for a slow disk there. Time in which this process itself stood still does not count: what came meanwhile is not read.
 */
export interface AnswerFacts {
  readonly now: number;
  /** Something on the link awaits an answer. */
  readonly isDue: boolean;
  /** When the other side was last heard. */
  readonly heard: number;
}

export type AnswerVerdict = "well" | "ask" | "give-up";

/** Silence on a link that is used, while an answer is due. */
const patienceMs = 1000;
const mostShortLives = 3;
const roundTrips = 3;
const slackMs = 300;
/** Share of a new sample in the smoothed round trip, as in RFC 6298 section 2. */
const gain = 1 / 8;

export class AnswerWatch {
  #since: number | undefined;
  #askedAt: number | undefined;
  #roundTripMs: number | undefined;
  #shortLives = 0;

  /** Silence that is put up with, in milliseconds: more on a slow path, and more after links that did not last. */
  get limitMs(): number {
    const least = this.#roundTripMs === undefined ? 0 : roundTrips * this.#roundTripMs + slackMs;
    return Math.max(patienceMs * 2 ** this.#shortLives, least);
  }

  /** A round trip that was measured on the link. */
  onRoundTrip(ms: number): void {
    const before = this.#roundTripMs;
    this.#roundTripMs = before === undefined || ms > before ? ms : before + gain * (ms - before);
  }

  /** One look at the link. `ask` comes at most once in each silence. */
  look({ now, isDue, heard }: AnswerFacts): AnswerVerdict {
    if (this.#askedAt !== undefined && heard >= this.#askedAt) this.#askedAt = undefined;
    if (!isDue && this.#askedAt === undefined) {
      this.#since = undefined;
      return "well";
    }
    this.#since = Math.max(this.#since ?? this.#askedAt ?? now, heard);
    const silence = now - this.#since;
    if (silence >= this.limitMs) return "give-up";
    if (this.#askedAt !== undefined || silence < this.limitMs / 2) return "well";
    this.#askedAt = now;
    return "ask";
  }

  /** The other side is asked out of turn: an answer is due from now on. */
  onAsked(now: number): void {
    this.#askedAt ??= now;
  }

  /** This process stood still: so long the other side could not have been heard. */
  discount(ms: number): void {
    if (this.#since !== undefined) this.#since += ms;
  }

  /** A link opened: its round trip is its own. */
  onOpened(): void {
    this.#forget();
    this.#roundTripMs = undefined;
  }

  /** The link was given up. One that had not lived long may have been slow only: the next has more time. */
  onGivenUp(wasShort: boolean): void {
    this.#forget();
    this.#shortLives = wasShort ? Math.min(this.#shortLives + 1, mostShortLives) : 0;
  }

  #forget(): void {
    this.#since = undefined;
    this.#askedAt = undefined;
  }
}
