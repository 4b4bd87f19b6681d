import type { ArchivedMessage, WaitingChange } from "@parley/core";
import { jsonBytes, maxWaitingBytes, maxWaitingChanges, withWaiting } from "@parley/core";

import { numberIn, textIn } from "./column.ts";
import type { Database } from "./database.ts";

/** Changes whose message is not there, or not open. */
export class WaitingTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  add(conversation: number, change: WaitingChange): void {
    this.#database
      .statement("INSERT INTO waiting (conversation, of, bytes, change) VALUES (?, ?, ?, ?)")
      .run(conversation, change.of, jsonBytes(change), JSON.stringify(change));
    const all = this.#database.statement("SELECT place, bytes FROM waiting WHERE conversation = ? ORDER BY place DESC");
    let count = 0;
    let bytes = 0;
    for (const row of all.iterate(conversation)) {
      count++;
      bytes += numberIn(row, "bytes");
      if (count <= maxWaitingChanges && bytes <= maxWaitingBytes) continue;
      this.#database
        .statement("DELETE FROM waiting WHERE conversation = ? AND place <= ?")
        .run(conversation, numberIn(row, "place"));
      return;
    }
  }

  /** The message after what waited for it. */
  apply(conversation: number, message: ArchivedMessage): ArchivedMessage {
    const rows = this.#database
      .statement("SELECT place, change FROM waiting WHERE conversation = ? AND of = ? ORDER BY place")
      .all(conversation, message.id);
    if (rows.length === 0) return message;
    const done = withWaiting(
      message,
      rows.map((row) => JSON.parse(textIn(row, "change")) as WaitingChange),
    );
    for (const [index, row] of rows.entries())
      if (!done.left.includes(index))
        this.#database.statement("DELETE FROM waiting WHERE place = ?").run(numberIn(row, "place"));
    return done.message;
  }
}
