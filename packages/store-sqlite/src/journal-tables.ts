import type { JournalBounds } from "@parley/core";
import { Holdings } from "@parley/core";

import type { Database } from "./database.ts";
import { DeliveryReader } from "./delivery-reader.ts";
import { EntryTable } from "./entry-table.ts";
import { GroupCommit } from "./group-commit.ts";
import { HistoryTable } from "./history-table.ts";
import { InboundTable } from "./inbound-table.ts";
import { OutboundTable } from "./outbound-table.ts";
import { RangeFactTable } from "./range-fact-table.ts";
import { Tally } from "./tally.ts";

/** About what a commit writes for an entry beside its body. */
export const entryBytes = 300;

/** The tables of a journal that its parts share. */
export interface JournalTables {
  readonly commits: GroupCommit;
  readonly tally: Tally;
  readonly outbound: OutboundTable;
  readonly inbound: InboundTable;
  readonly ranges: RangeFactTable;
  readonly reader: DeliveryReader;
  readonly entries: EntryTable;
  readonly history: HistoryTable;
}

export function makeJournalTables(database: Database, outbox: Holdings, history: JournalBounds): JournalTables {
  const commits = new GroupCommit(database);
  const tally = new Tally(database);
  const outbound = new OutboundTable(database, outbox);
  const inbound = new InboundTable(database);
  const ranges = new RangeFactTable(database, tally);
  const reader = new DeliveryReader(database, ranges);
  const trimmed = new HistoryTable(
    { database, tally, outbound, inbound, ranges },
    new Holdings("history", history),
    () => commits.runLater(() => undefined),
  );
  const entries = new EntryTable(database, reader);
  return { commits, tally, outbound, inbound, ranges, reader, entries, history: trimmed };
}
