import path from "node:path";

import type { Journal, JournalOptions, JournalParts, JournalState, Random } from "@parley/core";
import { CheckedJournal, defaultHistoryBounds, defaultJournalBounds, Holdings, systemRandom } from "@parley/core";
import { isParleyError, ParleyError } from "@parley/protocol";

import { Database } from "./database.ts";
import { SqliteDeliveries } from "./journal-deliveries.ts";
import { SqliteInbox } from "./journal-inbox.ts";
import { SqliteOutbox } from "./journal-outbox.ts";
import { journalSchema } from "./journal-schema.ts";
import { type JournalTables, makeJournalTables } from "./journal-tables.ts";
import { StateTable } from "./state-table.ts";

export interface SqliteJournalOptions extends JournalOptions {
  /** The device's folder; the file is `journal.db`. Made with mode 0700 if absent. */
  readonly dir: string;
  readonly random?: Random;
  /** Size of the file at which writes fail with `storage_full`. Default: the disk's. */
  readonly maxBytes?: number;
}

/** A device's journal on SQLite. Throws `device_in_use` if it is open already, else as `openSqliteStores`. */
export function openSqliteJournal(options: SqliteJournalOptions): Journal {
  const database = openFile(options);
  try {
    return new CheckedJournal(new SqliteJournal(database, options));
  } catch (error) {
    database.close();
    throw error;
  }
}

function openFile({ dir, maxBytes }: SqliteJournalOptions): Database {
  const file = path.join(dir, "journal.db");
  try {
    return new Database({ file, schema: journalSchema, ...(maxBytes === undefined ? {} : { maxBytes }) });
  } catch (error) {
    if (isParleyError(error) && error.data?.["reason"] === "held") {
      throw new ParleyError("device_in_use", { message: `${file}: another process holds this device.`, cause: error });
    }
    throw error;
  }
}

class SqliteJournal implements JournalParts {
  readonly outbox: SqliteOutbox;
  readonly inbox: SqliteInbox;
  readonly history: SqliteDeliveries;
  readonly states: StateTable;
  readonly #database: Database;
  readonly #tables: JournalTables;

  constructor(database: Database, { outbox, inbox, history, random = systemRandom }: SqliteJournalOptions) {
    const tables = makeJournalTables(
      database,
      new Holdings("outbox", outbox ?? defaultJournalBounds),
      history ?? defaultHistoryBounds,
    );
    this.#database = database;
    this.#tables = tables;
    this.outbox = new SqliteOutbox(database, tables, random);
    this.inbox = new SqliteInbox(database, tables, new Holdings("inbox", inbox ?? defaultJournalBounds));
    this.history = new SqliteDeliveries(tables);
    this.states = new StateTable(database, tables.commits);
    const { commits, tally } = tables;
    commits.relieveBy(() => tables.history.shrink());
    // The tally is read before those that count with it, and written after them.
    const readFirst = { save: () => undefined, reset: () => tally.reset() };
    const writtenLast = { save: () => tally.save(), reset: () => undefined };
    for (const companion of [tables.outbound, tables.inbound, readFirst, tables.history, this.inbox, writtenLast])
      commits.join(companion);
  }

  checkOpen(): void {
    this.#tables.commits.checkOpen();
  }

  load(): JournalState {
    const { outbox } = this;
    return {
      epoch: outbox.epoch,
      outbox: outbox.pending(),
      inbound: this.#tables.inbound.cursors.all(),
      lastSeq: outbox.lastSeqs(),
    };
  }

  close(): void {
    const { commits } = this.#tables;
    this.inbox.markNext();
    commits.runLater(() => undefined);
    commits.close();
    this.#database.close();
  }
}
