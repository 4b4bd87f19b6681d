import type { Companion } from "./commits.ts";
import type { Transaction } from "./database.ts";

/**
 * Numbers that outlive the page. Of a journal: the last place, note and stream given, how often streams were committed to, and how much history
 * there is. Of an archive: the last place and conversation given, how often one had a new last message, and how much there is.
 */
interface Numbers {
  place: number;
  note: number;
  stream: number;
  touch: number;
  conversation: number;
  entries: number;
  bytes: number;
}

const none: Numbers = { place: 0, note: 0, stream: 0, touch: 0, conversation: 0, entries: 0, bytes: 0 };
const key = "tally";

/** Kept in memory and written at most once per commit. */
export class Tally implements Companion {
  #numbers: Numbers = { ...none };
  #isChanged = false;

  get(name: keyof Numbers): number {
    return this.#numbers[name];
  }

  set(name: keyof Numbers, value: number): void {
    if (this.#numbers[name] === value) return;
    this.#numbers[name] = value;
    this.#isChanged = true;
  }

  /** Adds one and gives the new value. */
  next(name: keyof Numbers): number {
    this.set(name, this.get(name) + 1);
    return this.get(name);
  }

  save(transaction: Transaction): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    transaction.put("settings", this.#numbers, key);
  }

  async reset(transaction: Transaction): Promise<void> {
    this.#numbers = { ...none, ...(await transaction.get<Numbers>("settings", key)) };
    this.#isChanged = false;
  }
}
