import type { JournalStates } from "@parley/core";
import { maxJournalStateKeys } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { bytesIn, numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { GroupCommit } from "./group-commit.ts";
import { entryBytes } from "./journal-tables.ts";

/** A device's small settings. */
export class StateTable implements JournalStates {
  readonly #database: Database;
  readonly #commits: GroupCommit;

  constructor(database: Database, commits: GroupCommit) {
    this.#database = database;
    this.#commits = commits;
  }

  get(key: string): Uint8Array | undefined {
    const row = this.#database.read(() => this.#database.statement("SELECT value FROM state WHERE key = ?").get(key));
    return row === undefined ? undefined : bytesIn(row, "value");
  }

  put(key: string, value: Uint8Array | undefined): Promise<void> {
    return this.#commits.run(() => this.#putNow(key, value), (value?.byteLength ?? 0) + entryBytes);
  }

  #putNow(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) {
      this.#database.statement("DELETE FROM state WHERE key = ?").run(key);
      return;
    }
    const known = this.#database.statement("SELECT 1 FROM state WHERE key = ?").get(key) !== undefined;
    const count = known
      ? 0
      : numberIn(this.#database.statement("SELECT count(*) AS count FROM state").get() ?? {}, "count");
    if (count >= maxJournalStateKeys) throw new ParleyError("limit_reached", { data: { maxJournalStateKeys } });
    this.#database.statement("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)").run(key, value);
  }
}
