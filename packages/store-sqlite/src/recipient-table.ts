import { maxJournalRecipients } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { Companion } from "./group-commit.ts";

/** The last sequence number given to each recipient: in memory, written at most once per commit. */
export class RecipientTable implements Companion {
  readonly #database: Database;
  #lastSeq = new Map<string, number>();
  readonly #changed = new Set<string>();

  constructor(database: Database) {
    this.#database = database;
    this.reset();
  }

  all(): ReadonlyMap<string, number> {
    return new Map(this.#lastSeq);
  }

  /** Throws `conflict` or `limit_reached` if `seq` cannot be the recipient's next. */
  check(recipient: string, seq: number): void {
    const last = this.#lastSeq.get(recipient);
    if (seq <= (last ?? 0)) throw new ParleyError("conflict", { data: { last } });
    if (last === undefined && this.#lastSeq.size >= maxJournalRecipients) {
      throw new ParleyError("limit_reached", { data: { maxJournalRecipients } });
    }
  }

  set(recipient: string, seq: number): void {
    this.#lastSeq.set(recipient, seq);
    this.#changed.add(recipient);
  }

  clear(): void {
    this.#database.statement("DELETE FROM recipient").run();
    this.#lastSeq.clear();
    this.#changed.clear();
  }

  save(): void {
    const write = this.#database.statement("INSERT OR REPLACE INTO recipient (id, last_seq) VALUES (?, ?)");
    for (const recipient of this.#changed) write.run(recipient, this.#lastSeq.get(recipient) ?? 0);
    this.#changed.clear();
  }

  reset(): void {
    const rows = this.#database.statement("SELECT id, last_seq FROM recipient").all();
    this.#lastSeq = new Map(rows.map((row) => [textIn(row, "id"), numberIn(row, "last_seq")]));
    this.#changed.clear();
  }
}
