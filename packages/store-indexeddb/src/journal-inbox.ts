import type {
  DeliveryFact,
  Holdings,
  InboundPlace,
  InboundStreamId,
  JournalInbox,
  PendingEntry,
  PendingQuery,
  ReceivedEntry,
} from "@parley/core";
import { InboxLedger, isPlainlyHandled, pendingEntryOf, pendingReceivedOf } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Companion } from "./commits.ts";
import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import { addEntry, changeEntry, entryBytes, entryNumbered, isNoted, noteOf, wholeEntry } from "./entries.ts";
import { notedOf } from "./facts.ts";
import type { JournalStores } from "./journal-stores.ts";
import { numbersOf } from "./outbound-streams.ts";
import { rowOf } from "./reader.ts";
import type { EntryRow, InboundStreamRow } from "./rows.ts";

/** What this device received. */
export class IndexedDbInbox implements JournalInbox, Companion {
  readonly #stores: JournalStores;
  readonly #holdings: Holdings;
  readonly #ledger: InboxLedger;
  /** Places up to this one were there when the journal was opened. */
  #oldPlaces = 0;

  constructor(stores: JournalStores, holdings: Holdings) {
    this.#stores = stores;
    this.#holdings = holdings;
    this.#ledger = new InboxLedger(holdings);
  }

  /** What is there now may have been handed out before. */
  markOld(): void {
    this.#oldPlaces = this.#stores.tally.get("place");
  }

  commit(
    stream: InboundStreamId,
    seq: number,
    entries: readonly ReceivedEntry[],
    bytes: number,
  ): Promise<readonly number[]> {
    const { commits, inbound } = this.#stores;
    return commits.run(
      async (transaction) => {
        const first = entries[0]?.seq ?? seq;
        inbound.cursors.check(stream, seq, first);
        this.#holdings.checkRoom(entries.length, bytes);
        const id = await inbound.move(transaction, stream, seq);
        const known = await this.#cameBefore(transaction, id, first, seq, entries);
        for (const entry of entries) if (!known.has(entry.seq)) this.#receive(transaction, stream, id, entry);
        return entries.map((entry) => entry.seq).filter((number) => known.has(number));
      },
      bytes + entryBytes * (entries.length + 1),
    );
  }

  settle(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    const { commits, history } = this.#stores;
    return commits.run(async (transaction) => {
      const pending = this.#ledger.remove(entry);
      if (pending === undefined) return;
      const { place, bytes } = pending;
      const known = await transaction.get<EntryRow>("entries", place);
      if (known === undefined) throw new ParleyError("storage_unavailable");
      const isPlain = isPlainlyHandled(fact) && !pending.isNoted;
      if (!isPlain) await noteOf(transaction, known, fact);
      const { open: _, ...closed } = known;
      transaction.put("entries", { ...closed, outcome: isPlain ? "handled" : "noted", settledAt: fact.at });
      history.add(1, bytes, place);
    }, entryBytes);
  }

  note(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    const { commits, inbound } = this.#stores;
    return commits.run(async (transaction) => {
      const stream = await inbound.find(transaction, entry);
      const known = stream === undefined ? undefined : await entryNumbered(transaction, 0, stream.id, entry.seq);
      if (known === undefined) return;
      await noteOf(transaction, known, fact);
      const pending = this.#ledger.find(entry);
      if (pending !== undefined) pending.isNoted = true;
    }, entryBytes);
  }

  noteAttempt(entry: InboundPlace): Promise<number> {
    return this.#stores.commits.run(async (transaction) => {
      const pending = this.#ledger.find(entry);
      if (pending === undefined) return 0;
      const attempts = ++pending.attempts;
      await changeEntry(transaction, pending.place, { attempts });
      return attempts;
    }, entryBytes);
  }

  pending(query: PendingQuery): Promise<readonly PendingEntry[]> {
    return this.#stores.commits.read(async (transaction) => {
      const entries: PendingEntry[] = [];
      for (const { place } of this.#ledger.page(query)) {
        const entry = await this.#entryAt(transaction, place);
        if (entry !== undefined) entries.push(entry);
      }
      return entries;
    });
  }

  senders(): readonly string[] {
    return this.#ledger.senders();
  }

  reopen(place: number): Promise<PendingEntry | undefined> {
    const { commits, history } = this.#stores;
    return commits.run(async (transaction) => {
      const known = await transaction.get<EntryRow>("entries", place);
      const row = known === undefined ? undefined : await rowOf(transaction, known);
      const state = row === undefined ? undefined : (await notedOf(transaction, [row])).of(row).state;
      if (row === undefined || row.direction === "out" || row.pending || state !== "dead-lettered") return undefined;
      this.#holdings.checkRoom(1, row.bytes);
      await changeEntry(transaction, place, { outcome: "pending", attempts: 0, redelivered: true, open: 1 });
      transaction.delete("entryFacts", [place, "dead-lettered"]);
      history.subtract(row.bytes);
      this.#ledger.add(pendingReceivedOf({ ...row, attempts: 0 }, await isNoted(transaction, place)));
      const entry = await this.#entryAt(transaction, place);
      if (entry === undefined) throw new ParleyError("storage_unavailable");
      return entry;
    }, entryBytes);
  }

  forget(stream: InboundStreamId): Promise<void> {
    const { commits, inbound } = this.#stores;
    return commits.run((transaction) => inbound.forget(transaction, stream), entryBytes);
  }

  save(): void {}

  async reset(transaction: Transaction): Promise<void> {
    this.#ledger.clear();
    const streams = new Map<number, InboundStreamRow | undefined>();
    for (const entry of await transaction.by<EntryRow>("entries", "open", IDBKeyRange.only(1))) {
      const { stream, seq, place, bytes, attempts } = entry;
      if (!streams.has(stream)) streams.set(stream, await transaction.get("inbound", stream));
      const row = streams.get(stream);
      if (row === undefined) continue;
      const { sender, device, epoch } = row;
      const noted = await isNoted(transaction, place);
      this.#ledger.add({ sender, device, epoch, seq, place, bytes, attempts, isNoted: noted });
    }
  }

  #receive(transaction: Transaction, stream: InboundStreamId, id: number, received: ReceivedEntry): void {
    const { seq, receivedAt: at, envelope, path, redelivered = false } = received;
    const place = this.#stores.tally.next("place");
    addEntry(transaction, envelope, { place, outgoing: 0, stream: id, seq, at, path, redelivered, open: 1 });
    const { sender, device, epoch } = stream;
    const bytes = envelope.body.byteLength;
    this.#ledger.add({ sender, device, epoch, seq, place, bytes, attempts: 0, isNoted: false });
  }

  /** Numbers of a stream that came before it was forgotten. Makes room for those that another device told of and are received now. */
  async #cameBefore(
    transaction: Transaction,
    id: number,
    from: number,
    to: number,
    received: readonly ReceivedEntry[],
  ): Promise<ReadonlySet<number>> {
    const index = transaction.store("entries").index("stream");
    if ((await done(index.count(numbersOf(0, id, from, to)))) === 0) return new Set();
    const rows = await transaction.by<EntryRow>("entries", "stream", numbersOf(0, id, from, to));
    const coming = new Set(received.map(({ seq }) => seq));
    const told = rows.filter(({ outcome, seq }) => outcome === "imported" && coming.has(seq));
    await this.#stores.history.remove(
      transaction,
      told.map(({ place }) => place),
    );
    return new Set(rows.filter(({ outcome }) => outcome !== "imported").map(({ seq }) => seq));
  }

  async #entryAt(transaction: Transaction, place: number): Promise<PendingEntry | undefined> {
    const found = await wholeEntry(transaction, place);
    return found === undefined ? undefined : pendingEntryOf(found.row, found.envelope, place <= this.#oldPlaces);
  }
}
