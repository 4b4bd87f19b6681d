import type { DeliveryFact } from "../ports/journal-history.ts";
import type {
  InboundCursor,
  InboundPlace,
  InboundStreamId,
  PendingEntry,
  PendingQuery,
  ReceivedEntry,
} from "../ports/journal.ts";
import type { MemoryEntries } from "./journal-entries.ts";
import type { MemoryEntry } from "./journal-entry.ts";
import type { Holdings } from "./journal-holdings.ts";
import { InboundCursors } from "./journal-inbound-cursors.ts";
import { InboxLedger } from "./journal-inbox-ledger.ts";
import type { JournalInbox } from "./journal-parts.ts";

/** What a memory journal received. */
export class MemoryInbox implements JournalInbox {
  readonly #entries: MemoryEntries;
  readonly #holdings: Holdings;
  readonly #ledger: InboxLedger;
  readonly #cursors = new InboundCursors();

  constructor(entries: MemoryEntries, holdings: Holdings) {
    this.#entries = entries;
    this.#holdings = holdings;
    this.#ledger = new InboxLedger(holdings);
  }

  cursors(): readonly InboundCursor[] {
    return this.#cursors.all();
  }

  commit(stream: InboundStreamId, seq: number, entries: readonly ReceivedEntry[], bytes: number): readonly number[] {
    this.#cursors.check(stream, seq, entries[0]?.seq);
    this.#holdings.checkRoom(entries.length, bytes);
    const known = entries.filter((entry) => !this.#receive(stream, entry)).map((entry) => entry.seq);
    const { sender, device, epoch } = stream;
    const idle = this.#cursors.move(this.#cursors.find(stream) ?? { sender, device, epoch, seq }, seq);
    if (idle !== undefined) this.#cursors.remove(idle);
    return known;
  }

  settle(place: InboundPlace, fact: DeliveryFact): void {
    const pending = this.#ledger.remove(place);
    if (pending === undefined) return;
    const entry = this.#entries.at(pending.place);
    entry.note(fact);
    this.#entries.end(entry);
    this.#entries.trim();
  }

  note(place: InboundPlace, fact: DeliveryFact): void {
    this.#entries.received(place)?.note(fact);
  }

  noteAttempt(place: InboundPlace): number {
    const pending = this.#ledger.find(place);
    if (pending === undefined) return 0;
    pending.attempts++;
    this.#entries.at(pending.place).attempts = pending.attempts;
    return pending.attempts;
  }

  pending(query: PendingQuery): readonly PendingEntry[] {
    return this.#ledger.page(query).map(({ place }) => pendingEntryOf(this.#entries.at(place)));
  }

  senders(): readonly string[] {
    return this.#ledger.senders();
  }

  reopen(place: number): PendingEntry | undefined {
    const entry = this.#entries.find(place);
    if (entry === undefined || entry.direction === "out" || entry.pending || entry.state !== "dead-lettered")
      return undefined;
    this.#holdings.checkRoom(1, entry.bytes);
    this.#entries.reopen(entry);
    this.#await(entry);
    return pendingEntryOf(entry);
  }

  forget(stream: InboundStreamId): void {
    this.#cursors.remove(stream);
  }

  /** False if it came before: a stream came back after it was forgotten. */
  #receive(stream: InboundStreamId, received: ReceivedEntry): boolean {
    const { seq, receivedAt, envelope, path, redelivered = false } = received;
    const { sender, device, epoch } = stream;
    const there = this.#entries.received({ sender, device, epoch, seq });
    if (there?.isImported === false) return false;
    if (there !== undefined) this.#entries.remove(there);
    const entry = this.#entries.add({
      place: this.#entries.nextPlace(),
      direction: "in",
      party: sender,
      device,
      epoch,
      seq,
      envelope,
      first: { state: "delivered", at: receivedAt, ...(path === undefined ? {} : { path }) },
      pending: true,
      redelivered,
    });
    this.#await(entry);
    return true;
  }

  #await({ inboundPlace, place, bytes }: MemoryEntry): void {
    this.#ledger.add({ ...inboundPlace, place, bytes, attempts: 0, isNoted: false });
  }
}

function pendingEntryOf(entry: MemoryEntry): PendingEntry {
  const { place, attempts, wasRedelivered: redelivered, first } = entry;
  const path = first.path === undefined ? {} : { path: first.path };
  const envelope = entry.copyOfEnvelope();
  return { ...entry.inboundPlace, place, attempts, redelivered, receivedAt: first.at, envelope, ...path };
}
