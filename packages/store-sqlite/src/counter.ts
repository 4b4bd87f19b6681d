import { numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Companion } from "./group-commit.ts";

/** A number that outlives the process, kept in memory and written at most once per commit. */
export class Counter implements Companion {
  readonly #database: Database;
  readonly #name: string;
  #value = 0;
  #saved = 0;

  constructor(database: Database, name: "offset" | "revision" | "blob-bytes") {
    this.#database = database;
    this.#name = name;
    this.reset();
  }

  get value(): number {
    return this.#value;
  }

  /** Adds and gives the new value. Only inside a transaction. */
  add(step: number): number {
    this.#value += step;
    return this.#value;
  }

  save(): void {
    if (this.#value === this.#saved) return;
    this.#database.statement("UPDATE counter SET value = ? WHERE name = ?").run(this.#value, this.#name);
    this.#saved = this.#value;
  }

  reset(): void {
    const row = this.#database.statement("SELECT value FROM counter WHERE name = ?").get(this.#name);
    this.#value = this.#saved = numberIn(row ?? {}, "value");
  }
}
