import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Companion } from "./group-commit.ts";

const names = ["place", "noted", "entries", "bytes", "oldest", "touched"] as const;

/**
 * Numbers that outlive the process. Of a journal: the last place and the last note given, how much history there is, and a place before
 * which nothing received is pending. Of an archive: how much there is, and how often a conversation had a new last message.
 */
export type TallyName = (typeof names)[number];

/** They are kept in memory and written at most once per commit. */
export class Tally implements Companion {
  readonly #database: Database;
  readonly #values = new Map<TallyName, number>();
  readonly #changed = new Set<TallyName>();

  constructor(database: Database) {
    this.#database = database;
    this.reset();
  }

  get(name: TallyName): number {
    return this.#values.get(name) ?? 0;
  }

  /** Only inside a transaction, as `next`. */
  set(name: TallyName, value: number): void {
    if (this.get(name) === value) return;
    this.#values.set(name, value);
    this.#changed.add(name);
  }

  /** Adds one and gives the new value. */
  next(name: TallyName): number {
    const value = this.get(name) + 1;
    this.set(name, value);
    return value;
  }

  save(): void {
    if (this.#changed.size === 0) return;
    const write = this.#database.statement("INSERT OR REPLACE INTO tally (name, value) VALUES (?, ?)");
    for (const name of this.#changed) write.run(name, this.get(name));
    this.#changed.clear();
  }

  reset(): void {
    this.#values.clear();
    this.#changed.clear();
    for (const row of this.#database.statement("SELECT name, value FROM tally").all()) {
      const name = names.find((known) => known === textIn(row, "name"));
      if (name !== undefined) this.#values.set(name, numberIn(row, "value"));
    }
  }
}
