import { numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Companion } from "./group-commit.ts";

export interface StreamRow {
  readonly id: number;
  first: number;
  last: number;
}

const maxCached = 50_000;

/** The streams of the log: read when first needed, changed in memory, written at most once per commit. */
export class StreamTable implements Companion {
  readonly #database: Database;
  readonly #rows = new Map<string, StreamRow>();
  readonly #changed = new Set<StreamRow>();

  constructor(database: Database) {
    this.#database = database;
  }

  find(name: string): StreamRow | undefined {
    const cached = this.#rows.get(name);
    if (cached !== undefined) return cached;
    const row = this.#database.statement("SELECT id, first, last FROM log_stream WHERE name = ?").get(name);
    if (row === undefined) return undefined;
    return this.#keep(name, { id: numberIn(row, "id"), first: numberIn(row, "first"), last: numberIn(row, "last") });
  }

  /** Only inside a transaction, as everything below. */
  findOrMake(name: string): StreamRow {
    const known = this.find(name);
    if (known !== undefined) return known;
    const { lastInsertRowid } = this.#database
      .statement("INSERT INTO log_stream (name, first, last) VALUES (?, 1, 0)")
      .run(name);
    return this.#keep(name, { id: Number(lastInsertRowid), first: 1, last: 0 });
  }

  change(row: StreamRow, bounds: { readonly first?: number; readonly last?: number }): void {
    row.first = bounds.first ?? row.first;
    row.last = bounds.last ?? row.last;
    this.#changed.add(row);
  }

  remove(name: string, row: StreamRow): void {
    this.#database.statement("DELETE FROM log_stream WHERE id = ?").run(row.id);
    this.#rows.delete(name);
    this.#changed.delete(row);
  }

  save(): void {
    const update = this.#database.statement("UPDATE log_stream SET first = ?, last = ? WHERE id = ?");
    for (const row of this.#changed) update.run(row.first, row.last, row.id);
    this.#changed.clear();
    // All of them are on disk now, so the cache may simply start over.
    if (this.#rows.size > maxCached) this.#rows.clear();
  }

  reset(): void {
    this.#rows.clear();
    this.#changed.clear();
  }

  #keep(name: string, row: StreamRow): StreamRow {
    this.#rows.set(name, row);
    return row;
  }
}
