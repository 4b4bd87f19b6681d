import { envelopeId, limits, ParleyError } from "@parley/protocol";

import type { Random } from "../ports/clock.ts";
import { makeEpoch } from "../ports/epoch.ts";
import type { DeliveryFact, DeliveryPage, DeliveryQuery, DeliveryRecord } from "../ports/journal-history.ts";
import { maxDeliveryPageBytes } from "../ports/journal-history.ts";
import type {
  InboundPlace,
  InboundStreamId,
  Journal,
  JournalOptions,
  JournalState,
  NewOutboxEntry,
  OutboxEntry,
  PendingEntry,
  PendingQuery,
  ReceivedEntry,
} from "../ports/journal.ts";
import {
  defaultHistoryBounds,
  defaultJournalBounds,
  maxEpochsPerDevice,
  maxJournalStateKeys,
} from "../ports/journal.ts";
import { systemRandom } from "../ports/system-clock.ts";
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
  Holdings,
  placeIn,
} from "./journal-checks.ts";
import { MemoryEntry, type MemoryEntryOptions } from "./journal-entry.ts";
import { InboxLedger } from "./journal-inbox-ledger.ts";
import { OutboxLedger } from "./journal-outbox-ledger.ts";

export interface MemoryJournalOptions extends JournalOptions {
  readonly random?: Random;
}

/** A journal in memory: for devices that need not outlive their process, and for tests. */
export function openMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  return new MemoryJournal(options);
}

const streamKey = ({ sender, device, epoch }: InboundStreamId): string => JSON.stringify([sender, device, epoch]);

const placeKey = (entry: InboundPlace): string => `${entry.seq} ${streamKey(entry)}`;

class MemoryJournal implements Journal {
  readonly #random: Random;
  readonly #sent: OutboxLedger;
  readonly #sentHoldings: Holdings;
  readonly #received: InboxLedger;
  readonly #receivedHoldings: Holdings;
  readonly #history: Holdings;
  /** By place, ascending. */
  readonly #entries = new Map<number, MemoryEntry>();
  /** What was sent, by row of the ledger and number. */
  readonly #bySeq = new Map<number, Map<number, MemoryEntry>>();
  /** What was received, by stream and number. */
  readonly #byPlace = new Map<string, MemoryEntry>();
  /** In order of the last commit, so that the idle ones are first. */
  readonly #cursors = new Map<string, InboundStreamId & { readonly seq: number }>();
  readonly #state = new Map<string, Uint8Array>();
  #epoch: string;
  #lastPlace = 0;
  #rows = 0;
  #closed = false;

  constructor(options: MemoryJournalOptions) {
    this.#random = options.random ?? systemRandom;
    this.#epoch = makeEpoch(this.#random);
    this.#sentHoldings = new Holdings("outbox", options.outbox ?? defaultJournalBounds);
    this.#sent = new OutboxLedger(this.#sentHoldings);
    this.#receivedHoldings = new Holdings("inbox", options.inbox ?? defaultJournalBounds);
    this.#received = new InboxLedger(this.#receivedHoldings);
    this.#history = new Holdings("history", options.history ?? defaultHistoryBounds);
  }

  async load(): Promise<JournalState> {
    this.#checkOpen();
    const pending = this.#sent.streams().flatMap(({ pending }) => pending.map(({ place }) => place));
    return {
      epoch: this.#epoch,
      outbox: pending.sort((left, right) => left - right).map((place) => this.#outboxEntry(this.#at(place))),
      inbound: [...this.#cursors.values()],
      lastSeq: this.#sent.lastSeqs(),
    };
  }

  async appendOutbox(entry: NewOutboxEntry): Promise<void> {
    this.#checkOpen();
    checkOutboxEntry(entry);
    const { recipient, seq, envelope, at = envelope.created, epoch = this.#epoch } = entry;
    const bytes = envelope.body.byteLength;
    this.#sent.check(recipient, seq, bytes);
    const place = ++this.#lastPlace;
    const { row, isTail } = this.#sent.append(
      recipient,
      epoch,
      { seq, place, bytes, more: envelope.more },
      () => ++this.#rows,
    );
    const first: DeliveryFact = { state: "accepted", at };
    const kept = this.#add(
      { direction: "out", party: recipient, device: undefined, epoch, seq, envelope, first },
      place,
    );
    const bySeq = this.#keepSent(kept, row.id);
    if (isTail) this.#joinParts(kept, bySeq);
  }

  async noteOutbox(
    recipient: string,
    from: number,
    to: number,
    fact: DeliveryFact,
    receipt?: Uint8Array,
  ): Promise<void> {
    this.#checkOpen();
    checkNote(recipient, from, to, receipt);
    const bounded = boundedFact(fact);
    for (const { id } of this.#sent.rowsOf(recipient)) {
      const bySeq = this.#bySeq.get(id) ?? new Map<number, MemoryEntry>();
      if (to - from > bySeq.size) {
        for (const [seq, entry] of bySeq) if (seq >= from && seq <= to) entry.note(bounded, receipt);
      } else for (let seq = from; seq <= to; seq++) bySeq.get(seq)?.note(bounded, receipt);
    }
  }

  async settleOutbox(recipient: string, upToSeq: number): Promise<void> {
    this.#checkOpen();
    for (const { entries } of this.#sent.settle(recipient, upToSeq))
      for (const { place } of entries) this.#end(this.#at(place));
    this.#trim();
  }

  async dropOutbox(recipient: string, seq: number): Promise<void> {
    this.#checkOpen();
    const dropped = this.#sent.drop(recipient, seq);
    if (dropped === undefined) return;
    const entry = this.#at(dropped.entry.place);
    entry.isDropped = true;
    this.#end(entry);
    this.#trim();
  }

  async commitInbox(
    stream: InboundStreamId,
    seq: number,
    entries: readonly ReceivedEntry[],
  ): Promise<readonly number[]> {
    this.#checkOpen();
    checkInboxCommit(stream, seq, entries);
    const key = streamKey(stream);
    const cursor = this.#cursors.get(key)?.seq ?? 0;
    const first = entries[0]?.seq ?? seq;
    if (seq <= cursor || first <= cursor) throw new ParleyError("conflict", { data: { cursor } });
    const bytes = entries.reduce((sum, entry) => sum + entry.envelope.body.byteLength, 0);
    this.#receivedHoldings.checkRoom(entries.length, bytes);
    const { sender, device, epoch } = stream;
    const known: number[] = [];
    for (const entry of entries) if (!this.#receive({ sender, device, epoch }, entry)) known.push(entry.seq);
    const isKnown = this.#cursors.delete(key);
    this.#cursors.set(key, { sender, device, epoch, seq });
    if (!isKnown) this.#forgetIdle(stream);
    return known;
  }

  async settleInbox(place: InboundPlace, fact: DeliveryFact): Promise<void> {
    this.#checkOpen();
    checkInboundPlace(place);
    const bounded = boundedFact(fact);
    const pending = this.#received.remove(place);
    if (pending === undefined) return;
    const entry = this.#at(pending.place);
    entry.note(bounded);
    this.#end(entry);
    this.#trim();
  }

  async noteInbox(place: InboundPlace, fact: DeliveryFact): Promise<void> {
    this.#checkOpen();
    checkInboundPlace(place);
    const bounded = boundedFact(fact);
    this.#byPlace.get(placeKey(place))?.note(bounded);
  }

  async noteAttempt(place: InboundPlace): Promise<number> {
    this.#checkOpen();
    checkInboundPlace(place);
    const pending = this.#received.find(place);
    if (pending === undefined) return 0;
    pending.attempts++;
    this.#at(pending.place).attempts = pending.attempts;
    return pending.attempts;
  }

  async pendingInbox(query: PendingQuery = {}): Promise<readonly PendingEntry[]> {
    this.#checkOpen();
    checkPendingQuery(query);
    return this.#received.page(query).map(({ place }) => this.#pendingEntry(this.#at(place)));
  }

  async pendingSenders(): Promise<readonly string[]> {
    this.#checkOpen();
    return this.#received.senders();
  }

  async reopenInbox(place: number): Promise<PendingEntry> {
    this.#checkOpen();
    const entry = this.#entries.get(place);
    if (entry === undefined || entry.direction === "out" || entry.pending || entry.state !== "dead-lettered")
      throw new ParleyError("not_found", { message: "No dead-lettered envelope has this place." });
    this.#receivedHoldings.checkRoom(1, entry.bytes);
    this.#history.add(-1, -entry.bytes);
    entry.reopen();
    this.#received.add({ ...inboundPlaceOf(entry), place, bytes: entry.bytes, attempts: 0, isNoted: false });
    return this.#pendingEntry(entry);
  }

  async forgetInbound(stream: InboundStreamId): Promise<void> {
    this.#checkOpen();
    checkInboundStream(stream);
    this.#cursors.delete(streamKey(stream));
  }

  async deliveries(query: DeliveryQuery = {}): Promise<DeliveryPage> {
    this.#checkOpen();
    const plan = checkDeliveryQuery(query);
    const records: DeliveryRecord[] = [];
    let bytes = 0;
    for (const entry of plan.newestFirst ? [...this.#entries.values()].reverse() : this.#entries.values()) {
      if (plan.after !== undefined && (plan.newestFirst ? entry.place >= plan.after : entry.place <= plan.after))
        continue;
      if (!entry.isShown || (query.id !== undefined && entry.id !== query.id) || !plan.takes(entry)) continue;
      const last = records.at(-1);
      if (last !== undefined && (records.length >= plan.limit || bytes >= maxDeliveryPageBytes))
        return { records, next: last.place };
      const record = entry.toRecord();
      records.push(record);
      bytes += record.bytes;
    }
    return { records, next: undefined };
  }

  async removeDeliveries(places: readonly number[]): Promise<void> {
    this.#checkOpen();
    checkPlaces(places);
    const entries = places.flatMap((place) => this.#entries.get(place) ?? []);
    if (entries.some(({ pending }) => pending)) throw new ParleyError("conflict");
    for (const entry of entries) this.#remove(entry);
  }

  async importHistory(records: readonly DeliveryRecord[]): Promise<void> {
    this.#checkOpen();
    checkImport(records);
    const known = new Set([...this.#entries.values()].map(keyOfRecord));
    for (const record of records) {
      if (known.has(keyOfRecord(record))) continue;
      known.add(keyOfRecord(record));
      this.#import(record);
    }
    this.#trim();
  }

  async getState(key: string): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    checkStateKey(key);
    return this.#state.get(key)?.slice();
  }

  async putState(key: string, value: Uint8Array | undefined): Promise<void> {
    this.#checkOpen();
    checkState(key, value);
    if (value === undefined) {
      this.#state.delete(key);
      return;
    }
    if (!this.#state.has(key) && this.#state.size >= maxJournalStateKeys) {
      throw new ParleyError("limit_reached", { data: { maxJournalStateKeys } });
    }
    this.#state.set(key, value.slice());
  }

  async newEpoch(): Promise<string> {
    this.#checkOpen();
    const before = this.#sent.streams().map(({ row, pending }) => ({ row, pending: [...pending] }));
    this.#epoch = makeEpoch(this.#random);
    this.#sent.clear();
    for (const { row, pending } of before) {
      for (const sent of pending) {
        const entry = this.#at(sent.place);
        this.#forgetSent(entry);
        const origin = entry.envelope.origin ?? { epoch: entry.epoch, seq: entry.seq };
        const seq = (this.#sent.rowsOf(row.recipient).at(-1)?.lastSeq ?? 0) + 1;
        const moved = this.#sent.append(row.recipient, this.#epoch, { ...sent, seq }, () => ++this.#rows);
        Object.assign(entry, { seq, epoch: this.#epoch, envelope: { ...entry.envelope, origin } });
        this.#keepSent(entry, moved.row.id);
      }
    }
    return this.#epoch;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  #at(place: number): MemoryEntry {
    const entry = this.#entries.get(place);
    if (entry === undefined) throw new ParleyError("internal");
    return entry;
  }

  #add(
    options: Omit<MemoryEntryOptions, "place" | "pending" | "redelivered"> & { readonly redelivered?: boolean },
    place: number,
    pending = true,
  ): MemoryEntry {
    const entry = new MemoryEntry({ redelivered: false, ...options, place, pending });
    this.#entries.set(place, entry);
    if (entry.direction === "in") this.#byPlace.set(placeKey(inboundPlaceOf(entry)), entry);
    return entry;
  }

  /** False if it came before: a stream came back after it was forgotten. */
  #receive(stream: InboundStreamId, { seq, receivedAt, envelope, path, redelivered = false }: ReceivedEntry): boolean {
    const there = this.#byPlace.get(placeKey({ ...stream, seq }));
    if (there?.isImported === false) return false;
    if (there !== undefined) this.#remove(there);
    const place = ++this.#lastPlace;
    const { sender, device, epoch } = stream;
    const first: DeliveryFact = { state: "delivered", at: receivedAt, ...(path === undefined ? {} : { path }) };
    const entry = this.#add(
      { direction: "in", party: sender, device, epoch, seq, envelope, first, redelivered },
      place,
    );
    this.#received.add({ ...stream, seq, place, bytes: entry.bytes, attempts: 0, isNoted: false });
    return true;
  }

  #joinParts(last: MemoryEntry, bySeq: ReadonlyMap<number, MemoryEntry>): void {
    const parts: MemoryEntry[] = [];
    for (let part = bySeq.get(last.seq - 1); part?.envelope.more === true; part = bySeq.get(part.seq - 1)) {
      part.end = last;
      parts.unshift(part);
    }
    last.parts = parts;
  }

  #end(entry: MemoryEntry): void {
    entry.pending = false;
    this.#history.add(1, entry.bytes);
  }

  /** The oldest history goes, whole bodies at a time. */
  #trim(): void {
    if (!this.#history.isOver) return;
    for (const entry of this.#entries.values()) {
      if (entry.pending || entry.end !== undefined) continue;
      this.#remove(entry);
      if (!this.#history.isOver) return;
    }
  }

  #remove(entry: MemoryEntry): void {
    for (const gone of [...entry.parts, entry]) {
      if (!this.#entries.delete(gone.place)) continue;
      this.#history.add(-1, -gone.bytes);
      if (gone.direction === "in") this.#byPlace.delete(placeKey(inboundPlaceOf(gone)));
      else this.#forgetSent(gone);
    }
  }

  #keepSent(entry: MemoryEntry, row: number): ReadonlyMap<number, MemoryEntry> {
    const bySeq = this.#bySeq.get(row) ?? new Map<number, MemoryEntry>();
    this.#bySeq.set(row, bySeq.set(entry.seq, entry));
    entry.row = row;
    return bySeq;
  }

  #forgetSent({ row, seq }: MemoryEntry): void {
    const bySeq = this.#bySeq.get(row);
    bySeq?.delete(seq);
    if (bySeq?.size === 0) this.#bySeq.delete(row);
  }

  #import(record: DeliveryRecord): void {
    const { direction, peer, epoch, seq, kind, created, expires, body, facts, receipts } = record;
    const origin = record.id === envelopeId(epoch, seq) ? undefined : placeIn(record.id);
    const device = direction === "in" ? record.device : undefined;
    const place = direction === "in" ? { sender: peer, device: device ?? "", epoch, seq } : undefined;
    if (place !== undefined && this.#byPlace.has(placeKey(place))) return;
    const [first, ...rest] = facts.map(boundedFact);
    if (first === undefined) return;
    const ttl = expires === undefined ? 0 : expires - created;
    const envelope = { kind, critical: false, more: false, created, ttl, hops: 0, trace: undefined, origin, body };
    const { redelivered } = record;
    const options = { direction, party: peer, device, epoch, seq, envelope, first, redelivered };
    const entry = this.#add(options, ++this.#lastPlace, false);
    for (const fact of rest) entry.note(fact);
    for (const [state, receipt] of receipts) entry.keepReceipt(state, receipt);
    entry.attempts = record.attempts;
    entry.isImported = true;
    this.#history.add(1, entry.bytes);
  }

  #outboxEntry(entry: MemoryEntry): OutboxEntry {
    const { party, seq, epoch, first, state } = entry;
    return { recipient: party, seq, epoch, at: first.at, state, envelope: entry.copyOfEnvelope() };
  }

  #pendingEntry(entry: MemoryEntry): PendingEntry {
    const { place, attempts, wasRedelivered: redelivered, first } = entry;
    const path = first.path === undefined ? {} : { path: first.path };
    const envelope = entry.copyOfEnvelope();
    return { ...inboundPlaceOf(entry), place, attempts, redelivered, receivedAt: first.at, envelope, ...path };
  }

  /** Only the stream's own device can be over its share; only one cursor was added. */
  #forgetIdle({ sender, device }: InboundStreamId): void {
    const own = [...this.#cursors].filter(([, cursor]) => cursor.sender === sender && cursor.device === device);
    const idle = own.length > maxEpochsPerDevice ? own[0]?.[0] : undefined;
    if (idle !== undefined) this.#cursors.delete(idle);
    else if (this.#cursors.size > limits.inboundStreams) {
      for (const key of this.#cursors.keys()) {
        this.#cursors.delete(key);
        break;
      }
    }
  }
}

const inboundPlaceOf = ({ party, device = "", epoch, seq }: MemoryEntry): InboundPlace => ({
  sender: party,
  device,
  epoch,
  seq,
});

/** What makes a record of history the same as another. */
const keyOfRecord = ({ direction, peer, id }: Pick<DeliveryRecord, "direction" | "peer" | "id">): string =>
  `${direction} ${peer} ${id}`;
