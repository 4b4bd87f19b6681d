import { ParleyError } from "@parley/protocol";

import type { DeliveryFact, DeliveryPage, DeliveryQuery, DeliveryRecord } from "../ports/journal-history.ts";
import type {
  InboundPlace,
  InboundStreamId,
  Journal,
  JournalState,
  NewOutboxEntry,
  PendingEntry,
  PendingQuery,
  ReceivedEntry,
} from "../ports/journal.ts";
import {
  boundedFact,
  checkDeliveryQuery,
  checkImport,
  checkInboundPlace,
  checkInboundStream,
  checkInboxCommit,
  checkNote,
  checkOutboxEntry,
  checkPendingQuery,
  checkPlaces,
  checkState,
  checkStateKey,
} from "./journal-checks.ts";
import type { JournalParts } from "./journal-parts.ts";

/** A journal over the parts of an adapter: what all adapters refuse is refused here, with the same codes. */
export class CheckedJournal implements Journal {
  readonly #parts: JournalParts;

  constructor(parts: JournalParts) {
    this.#parts = parts;
  }

  async load(): Promise<JournalState> {
    return this.#open.load();
  }

  async appendOutbox(entry: NewOutboxEntry): Promise<void> {
    const { outbox } = this.#open;
    checkOutboxEntry(entry);
    await outbox.append(entry);
  }

  async noteOutbox(
    recipient: string,
    from: number,
    to: number,
    fact: DeliveryFact,
    receipt?: Uint8Array,
  ): Promise<void> {
    const { outbox } = this.#open;
    checkNote(recipient, from, to, receipt);
    await outbox.note(recipient, { from, to, fact: boundedFact(fact), receipt });
  }

  async settleOutbox(recipient: string, upToSeq: number): Promise<void> {
    await this.#open.outbox.settle(recipient, upToSeq);
  }

  async dropOutbox(recipient: string, seq: number): Promise<void> {
    await this.#open.outbox.drop(recipient, seq);
  }

  async commitInbox(
    stream: InboundStreamId,
    seq: number,
    entries: readonly ReceivedEntry[],
  ): Promise<readonly number[]> {
    const { inbox } = this.#open;
    checkInboxCommit(stream, seq, entries);
    const bytes = entries.reduce((sum, { envelope }) => sum + envelope.body.byteLength, 0);
    return inbox.commit(stream, seq, entries, bytes);
  }

  async settleInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    const { inbox } = this.#open;
    checkInboundPlace(entry);
    await inbox.settle(entry, boundedFact(fact));
  }

  async noteInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    const { inbox } = this.#open;
    checkInboundPlace(entry);
    await inbox.note(entry, boundedFact(fact));
  }

  async noteAttempt(entry: InboundPlace): Promise<number> {
    const { inbox } = this.#open;
    checkInboundPlace(entry);
    return inbox.noteAttempt(entry);
  }

  async pendingInbox(query: PendingQuery = {}): Promise<readonly PendingEntry[]> {
    const { inbox } = this.#open;
    checkPendingQuery(query);
    return inbox.pending(query);
  }

  async pendingSenders(): Promise<readonly string[]> {
    return this.#open.inbox.senders();
  }

  async reopenInbox(place: number): Promise<PendingEntry> {
    const { inbox } = this.#open;
    checkPlaces([place]);
    const entry = await inbox.reopen(place);
    if (entry === undefined)
      throw new ParleyError("not_found", { message: "No dead-lettered envelope has this place." });
    return entry;
  }

  async forgetInbound(stream: InboundStreamId): Promise<void> {
    const { inbox } = this.#open;
    checkInboundStream(stream);
    await inbox.forget(stream);
  }

  async deliveries(query: DeliveryQuery = {}): Promise<DeliveryPage> {
    return this.#open.history.page(checkDeliveryQuery(query));
  }

  async removeDeliveries(places: readonly number[]): Promise<void> {
    const { history } = this.#open;
    checkPlaces(places);
    if (!(await history.remove(places))) throw new ParleyError("conflict", { message: "One of them is pending." });
  }

  async importHistory(records: readonly DeliveryRecord[]): Promise<void> {
    const { history } = this.#open;
    checkImport(records);
    const bytes = records.reduce((sum, { body }) => sum + body.byteLength, 0);
    await history.import(records, bytes);
  }

  async getState(key: string): Promise<Uint8Array | undefined> {
    const { states } = this.#open;
    checkStateKey(key);
    return states.get(key);
  }

  async putState(key: string, value: Uint8Array | undefined): Promise<void> {
    const { states } = this.#open;
    checkState(key, value);
    await states.put(key, value);
  }

  async newEpoch(): Promise<string> {
    return this.#open.outbox.newEpoch();
  }

  async close(): Promise<void> {
    await this.#parts.close();
  }

  get #open(): JournalParts {
    this.#parts.checkOpen();
    return this.#parts;
  }
}
