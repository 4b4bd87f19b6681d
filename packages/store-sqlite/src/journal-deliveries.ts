import { setImmediate as nextTurn } from "node:timers/promises";

import type { DeliveryPage, DeliveryPlan, DeliveryRecord, JournalHistory } from "@parley/core";
import { boundedFact, importedEnvelope, placeIn } from "@parley/core";

import { redeliveredBit } from "./envelope-row.ts";
import { outcomes } from "./journal-schema.ts";
import { entryBytes, type JournalTables } from "./journal-tables.ts";

/** Both directions together, as they are shown, removed and taken over from another device. */
export class SqliteDeliveries implements JournalHistory {
  readonly #tables: JournalTables;

  constructor(tables: JournalTables) {
    this.#tables = tables;
  }

  page(plan: DeliveryPlan): Promise<DeliveryPage> {
    const { reader, commits } = this.#tables;
    return reader.page(plan, async () => {
      await nextTurn();
      commits.checkOpen();
    });
  }

  remove(places: readonly number[]): Promise<boolean> {
    const { commits, history } = this.#tables;
    return commits.run(() => history.remove(places), entryBytes);
  }

  import(records: readonly DeliveryRecord[], bytes: number): Promise<void> {
    return this.#tables.commits.run(
      () => {
        for (const record of records) this.#importOne(record);
      },
      bytes + entryBytes * records.length,
    );
  }

  #importOne(record: DeliveryRecord): void {
    const { direction, peer, device = "", epoch, seq, attempts, redelivered, facts, receipts } = record;
    const { outbound, inbound, reader, entries, history, tally } = this.#tables;
    const accepted = placeIn(record.id);
    const same = reader.withId(accepted.epoch, accepted.seq);
    const [first] = facts;
    if (same.some((known) => known.direction === direction && known.peer === peer) || first === undefined) return;
    const isSent = direction === "out";
    const stream = isSent ? outbound.foreign(peer, epoch) : inbound.idOrNew({ sender: peer, device, epoch });
    const place = tally.next("place");
    const { at, path } = first;
    const mark = redelivered ? redeliveredBit : 0;
    const entry = { place, isSent, stream, seq, at, outcome: outcomes.imported, path, attempts, mark };
    if (!entries.insert(entry, importedEnvelope(record))) return;
    for (const fact of facts) entries.putFact(place, boundedFact(fact), receipts.get(fact.state));
    history.add(1, record.body.byteLength, place);
  }
}
