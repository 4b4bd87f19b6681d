import type { DeliveryPage, DeliveryPlan, DeliveryRecord, JournalHistory } from "@parley/core";
import { boundedFact, importedEnvelope, placeIn } from "@parley/core";

import type { Transaction } from "./database.ts";
import { addEntry, entryBytes, entryNumbered } from "./entries.ts";
import { putFact } from "./facts.ts";
import type { JournalStores } from "./journal-stores.ts";
import { readPage, rowsWithId } from "./reader.ts";

/** Both directions together, as they are shown, removed and taken over from another device. */
export class IndexedDbDeliveries implements JournalHistory {
  readonly #stores: JournalStores;

  constructor(stores: JournalStores) {
    this.#stores = stores;
  }

  page(plan: DeliveryPlan): Promise<DeliveryPage> {
    return this.#stores.commits.read((transaction) => readPage(transaction, plan));
  }

  remove(places: readonly number[]): Promise<boolean> {
    const { commits, history } = this.#stores;
    return commits.run((transaction) => history.remove(transaction, places), entryBytes);
  }

  import(records: readonly DeliveryRecord[], bytes: number): Promise<void> {
    return this.#stores.commits.run(
      async (transaction) => {
        for (const record of records) await this.#importOne(transaction, record);
      },
      bytes + entryBytes * records.length,
    );
  }

  async #importOne(transaction: Transaction, record: DeliveryRecord): Promise<void> {
    const { direction, peer, device = "", epoch, seq, attempts, redelivered, facts, receipts } = record;
    const { outbound, inbound, history, tally } = this.#stores;
    const accepted = placeIn(record.id);
    const same = await rowsWithId(transaction, accepted.epoch, accepted.seq);
    const [first] = facts;
    if (same.some((known) => known.direction === direction && known.peer === peer) || first === undefined) return;
    const outgoing = direction === "out" ? 1 : 0;
    const stream =
      outgoing === 1
        ? await outbound.foreign(transaction, peer, epoch)
        : (await inbound.findOrMake(transaction, { sender: peer, device, epoch })).id;
    if ((await entryNumbered(transaction, outgoing, stream, seq)) !== undefined) return;
    const place = tally.next("place");
    const { at } = first;
    const entry = { place, outgoing, stream, seq, at, outcome: "imported", attempts, redelivered } as const;
    addEntry(transaction, importedEnvelope(record), entry);
    for (const fact of facts) putFact(transaction, place, boundedFact(fact), receipts.get(fact.state));
    history.add(1, record.body.byteLength, place);
  }
}
