import { envelopeId } from "@parley/protocol";

import type { DeliveryPage, DeliveryRecord } from "../ports/journal-history.ts";
import { maxDeliveryPageBytes } from "../ports/journal-history.ts";
import type { DeliveryPlan } from "./journal-checks.ts";
import { boundedFact } from "./journal-checks.ts";
import { importedEnvelope } from "./journal-delivery-row.ts";
import type { MemoryEntries } from "./journal-entries.ts";
import type { JournalHistory } from "./journal-parts.ts";

/** What a memory journal shows of its entries. */
export class MemoryDeliveries implements JournalHistory {
  readonly #entries: MemoryEntries;

  constructor(entries: MemoryEntries) {
    this.#entries = entries;
  }

  page({ id, limit, newestFirst, after, takes }: DeliveryPlan): DeliveryPage {
    const asked = id === undefined ? undefined : envelopeId(id.epoch, id.seq);
    const records: DeliveryRecord[] = [];
    let bytes = 0;
    for (const entry of newestFirst ? [...this.#entries.all()].reverse() : this.#entries.all()) {
      if (after !== undefined && (newestFirst ? entry.place >= after : entry.place <= after)) continue;
      if (!entry.isShown || (asked !== undefined && entry.id !== asked) || !takes(entry)) continue;
      const last = records.at(-1);
      if (last !== undefined && (records.length >= limit || bytes >= maxDeliveryPageBytes))
        return { records, next: last.place };
      const record = entry.toRecord();
      records.push(record);
      bytes += record.bytes;
    }
    return { records, next: undefined };
  }

  remove(places: readonly number[]): boolean {
    const entries = places.flatMap((place) => this.#entries.find(place) ?? []);
    if (entries.some(({ pending }) => pending)) return false;
    for (const entry of entries) this.#entries.remove(entry);
    return true;
  }

  import(records: readonly DeliveryRecord[]): void {
    const known = new Set([...this.#entries.all()].map(keyOf));
    for (const record of records) {
      if (known.has(keyOf(record))) continue;
      known.add(keyOf(record));
      this.#importOne(record);
    }
    this.#entries.trim();
  }

  #importOne(record: DeliveryRecord): void {
    const { direction, peer, epoch, seq, attempts, redelivered, receipts } = record;
    const device = direction === "in" ? (record.device ?? "") : undefined;
    if (device !== undefined && this.#entries.received({ sender: peer, device, epoch, seq }) !== undefined) return;
    const [first, ...rest] = record.facts.map(boundedFact);
    if (first === undefined) return;
    const entry = this.#entries.add({
      place: this.#entries.nextPlace(),
      direction,
      party: peer,
      device,
      epoch,
      seq,
      envelope: importedEnvelope(record),
      first,
      pending: false,
      redelivered,
    });
    for (const fact of rest) entry.note(fact);
    for (const [state, receipt] of receipts) entry.keepReceipt(state, receipt);
    entry.attempts = attempts;
    entry.isImported = true;
    this.#entries.count(entry);
  }
}

/** What makes a record of history the same as another. */
const keyOf = ({ direction, peer, id }: Pick<DeliveryRecord, "direction" | "peer" | "id">): string =>
  `${direction} ${peer} ${id}`;
