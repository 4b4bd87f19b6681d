import type {
  DeliveryFact,
  DeliveryPage,
  DeliveryQuery,
  DeliveryRecord,
  DeliveryRow,
  InboundPlace,
  InboundStreamId,
  Journal,
  JournalOptions,
  JournalState,
  NewOutboxEntry,
  OutboxEntry,
  PendingEntry,
  PendingQuery,
  Random,
  ReceivedEntry,
} from "@parley/core";
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
  defaultHistoryBounds,
  defaultJournalBounds,
  Holdings,
  InboxLedger,
  makeEpoch,
  maxJournalStateKeys,
  placeIn,
  systemRandom,
} from "@parley/core";
import { envelopeId, ParleyError } from "@parley/protocol";

import { Commits } from "./commits.ts";
import { done, openDatabase, Transaction } from "./database.ts";
import { noteEntry, notedOf, noteSent, putFact, trimSent } from "./facts.ts";
import { History } from "./history.ts";
import { takeHold } from "./holder.ts";
import { InboundStreams } from "./inbound-streams.ts";
import { numbersOf, OutboundStreams } from "./outbound-streams.ts";
import { readPage, rowOf, rowsWithId } from "./reader.ts";
import type { EntryFactRow, EntryRow, InboundStreamRow } from "./rows.ts";
import { envelopeOf, envelopePart } from "./rows.ts";
import { toStorageError } from "./storage-error.ts";
import { Tally } from "./tally.ts";

export interface IndexedDbJournalOptions extends JournalOptions {
  /** Of the database and of the lock: one per device. */
  readonly name: string;
  readonly random?: Random;
  /** Default: the page's. */
  readonly factory?: IDBFactory;
  /** Default: the page's. */
  readonly locks?: LockManager;
}

const rowBytes = 300;
const epochKey = "epoch";

/**
 * A device's journal on IndexedDB. Throws `device_in_use` if it is open already, in this page or another, `storage_unavailable`
 * when the browser gives no storage, `data_too_new`.
 */
export async function openIndexedDbJournal(options: IndexedDbJournalOptions): Promise<Journal> {
  const { name, factory = globalThis.indexedDB, locks = globalThis.navigator?.locks } = options;
  if (factory === undefined || locks === undefined)
    throw new ParleyError("storage_unavailable", { message: "This page has no storage: it needs a secure context." });
  const release = await takeHold(locks, name);
  try {
    const database = await openDatabase(factory, name);
    try {
      return await IndexedDbJournal.start(database, options, release);
    } catch (error) {
      database.close();
      throw toStorageError(name, error);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

class IndexedDbJournal implements Journal {
  readonly #database: IDBDatabase;
  readonly #release: () => Promise<void>;
  readonly #random: Random;
  readonly #commits: Commits;
  readonly #tally = new Tally();
  readonly #outbound: OutboundStreams;
  readonly #inbound = new InboundStreams(this.#tally);
  readonly #history: History;
  readonly #receivedHoldings: Holdings;
  readonly #received: InboxLedger;
  /** Places up to this one were there when the journal was opened. */
  #oldPlaces = 0;
  #epoch = "";
  #closed = false;

  private constructor(database: IDBDatabase, options: IndexedDbJournalOptions, release: () => Promise<void>) {
    this.#database = database;
    this.#release = release;
    this.#random = options.random ?? systemRandom;
    this.#outbound = new OutboundStreams(new Holdings("outbox", options.outbox ?? defaultJournalBounds), this.#tally);
    this.#receivedHoldings = new Holdings("inbox", options.inbox ?? defaultJournalBounds);
    this.#received = new InboxLedger(this.#receivedHoldings);
    const parts = { tally: this.#tally, outbound: this.#outbound, inbound: this.#inbound };
    const bounds = new Holdings("history", options.history ?? defaultHistoryBounds);
    this.#history = new History(parts, bounds, () => void this.#commits.run(() => undefined, 0).catch(() => undefined));
    const received = { save: () => undefined, reset: (transaction: Transaction) => this.#readReceived(transaction) };
    const companions = [this.#outbound, this.#inbound, this.#history, received];
    const relief = (transaction: Transaction): Promise<boolean> => this.#history.shrink(transaction);
    // The tally is written last and read first: the others count with it.
    const tally = { save: (transaction: Transaction) => this.#tally.save(transaction), reset: async () => undefined };
    const first = { save: () => undefined, reset: (transaction: Transaction) => this.#tally.reset(transaction) };
    this.#commits = new Commits(database, [first, ...companions, tally], relief);
  }

  static async start(
    database: IDBDatabase,
    options: IndexedDbJournalOptions,
    release: () => Promise<void>,
  ): Promise<IndexedDbJournal> {
    const journal = new IndexedDbJournal(database, options, release);
    await journal.#readAll();
    const breakOff = (): void => journal.#breakOff();
    // The browser may take the storage away, and a newer page may want to change it.
    database.addEventListener("close", breakOff);
    database.addEventListener("versionchange", () => {
      database.close();
      breakOff();
    });
    return journal;
  }

  async load(): Promise<JournalState> {
    const outbox = await this.#commits.read(async (transaction) => {
      const streams = this.#outbound.ledger.streams();
      const places = streams.flatMap(({ row, pending }) => pending.map(({ place }) => ({ row, place })));
      const entries: OutboxEntry[] = [];
      for (const { row, place } of places.sort((left, right) => left.place - right.place)) {
        const entry = await this.#outboxEntry(transaction, place, row.recipient);
        if (entry !== undefined) entries.push(entry);
      }
      return entries;
    });
    const { ledger } = this.#outbound;
    return { epoch: this.#epoch, outbox, inbound: this.#inbound.cursors(), lastSeq: ledger.lastSeqs() };
  }

  async appendOutbox(entry: NewOutboxEntry): Promise<void> {
    this.#commits.checkOpen();
    checkOutboxEntry(entry);
    const { recipient, seq, envelope, at = envelope.created } = entry;
    const bytes = envelope.body.byteLength;
    await this.#commits.run((transaction) => {
      const { ledger } = this.#outbound;
      ledger.check(recipient, seq, bytes);
      const epoch = entry.epoch ?? this.#epoch;
      const place = this.#tally.next("place");
      const sent = { seq, place, bytes, more: envelope.more };
      const { row, isTail } = ledger.append(recipient, epoch, sent, () => this.#outbound.make());
      this.#putEntry(transaction, envelope.body, {
        ...newEntry,
        ...envelopePart(envelope),
        place,
        outgoing: 1,
        stream: row.id,
        seq,
        at,
        bytes,
        isTail,
      });
    }, bytes + rowBytes);
  }

  async noteOutbox(
    recipient: string,
    from: number,
    to: number,
    fact: DeliveryFact,
    receipt?: Uint8Array,
  ): Promise<void> {
    this.#commits.checkOpen();
    checkNote(recipient, from, to, receipt);
    const bounded = boundedFact(fact);
    await this.#commits.run(async (transaction) => {
      for (const row of this.#outbound.ledger.rowsOf(recipient))
        await noteSent(transaction, this.#tally, row, { from, to, fact: bounded, receipt });
    }, rowBytes);
  }

  async settleOutbox(recipient: string, upToSeq: number): Promise<void> {
    await this.#commits.run(() => {
      for (const { entries } of this.#outbound.ledger.settle(recipient, upToSeq)) {
        const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
        this.#history.add(entries.length, bytes, entries[0]?.place ?? 0);
      }
    }, rowBytes);
  }

  async dropOutbox(recipient: string, seq: number): Promise<void> {
    await this.#commits.run(async (transaction) => {
      const dropped = this.#outbound.ledger.drop(recipient, seq);
      if (dropped === undefined) return;
      const { place, bytes } = dropped.entry;
      await this.#change(transaction, place, (entry) => ({ ...entry, outcome: "dropped" }));
      this.#history.add(1, bytes, place);
    }, rowBytes);
  }

  async commitInbox(
    stream: InboundStreamId,
    seq: number,
    entries: readonly ReceivedEntry[],
  ): Promise<readonly number[]> {
    this.#commits.checkOpen();
    checkInboxCommit(stream, seq, entries);
    const bytes = entries.reduce((sum, entry) => sum + entry.envelope.body.byteLength, 0);
    return this.#commits.run(
      async (transaction) => {
        const cursor = this.#inbound.cursor(stream);
        const first = entries[0]?.seq ?? seq;
        if (Math.min(seq, first) <= cursor) throw new ParleyError("conflict", { data: { cursor } });
        this.#receivedHoldings.checkRoom(entries.length, bytes);
        const id = await this.#inbound.move(transaction, stream, seq);
        const known = await this.#cameBefore(transaction, id, first, seq, entries);
        for (const entry of entries) if (!known.has(entry.seq)) this.#receive(transaction, stream, id, entry);
        return entries.map((entry) => entry.seq).filter((number) => known.has(number));
      },
      bytes + rowBytes * (entries.length + 1),
    );
  }

  async settleInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    this.#commits.checkOpen();
    checkInboundPlace(entry);
    const bounded = boundedFact(fact);
    await this.#commits.run(async (transaction) => {
      const pending = this.#received.remove(entry);
      if (pending === undefined) return;
      const { place, bytes, isNoted } = pending;
      const isPlain = bounded.state === "handled" && Object.keys(bounded).length === 2;
      const known = await transaction.get<EntryRow>("entries", place);
      if (known === undefined) throw new ParleyError("storage_unavailable");
      const { open: _, ...closed } = known;
      const settledAt = bounded.at;
      if (!isPlain || isNoted) await this.#noteAt(transaction, known, bounded);
      transaction.put("entries", { ...closed, outcome: isPlain && !isNoted ? "handled" : "noted", settledAt });
      this.#history.add(1, bytes, place);
    }, rowBytes);
  }

  async noteInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void> {
    this.#commits.checkOpen();
    checkInboundPlace(entry);
    const bounded = boundedFact(fact);
    await this.#commits.run(async (transaction) => {
      const stream = await this.#inbound.find(transaction, entry);
      if (stream === undefined) return;
      const index = transaction.store("entries").index("stream");
      const known = await done<EntryRow | undefined>(index.get([0, stream.id, entry.seq]));
      if (known === undefined) return;
      await this.#noteAt(transaction, known, bounded);
      const pending = this.#received.find(entry);
      if (pending !== undefined) pending.isNoted = true;
    }, rowBytes);
  }

  async noteAttempt(entry: InboundPlace): Promise<number> {
    this.#commits.checkOpen();
    checkInboundPlace(entry);
    return this.#commits.run(async (transaction) => {
      const pending = this.#received.find(entry);
      if (pending === undefined) return 0;
      const attempts = ++pending.attempts;
      await this.#change(transaction, pending.place, (known) => ({ ...known, attempts }));
      return attempts;
    }, rowBytes);
  }

  async pendingInbox(query: PendingQuery = {}): Promise<readonly PendingEntry[]> {
    this.#commits.checkOpen();
    checkPendingQuery(query);
    return this.#commits.read(async (transaction) => {
      const entries: PendingEntry[] = [];
      for (const { place } of this.#received.page(query)) {
        const entry = await this.#pendingEntry(transaction, place);
        if (entry !== undefined) entries.push(entry);
      }
      return entries;
    });
  }

  async pendingSenders(): Promise<readonly string[]> {
    this.#commits.checkOpen();
    return this.#received.senders();
  }

  async reopenInbox(place: number): Promise<PendingEntry> {
    this.#commits.checkOpen();
    checkPlaces([place]);
    return this.#commits.run(async (transaction) => {
      const known = await transaction.get<EntryRow>("entries", place);
      const row = known === undefined ? undefined : await rowOf(transaction, known);
      const state = row === undefined ? undefined : (await notedOf(transaction, [row])).of(row).state;
      if (known === undefined || row === undefined || known.outgoing === 1 || row.pending || state !== "dead-lettered")
        throw new ParleyError("not_found", { message: "No dead-lettered envelope has this place." });
      const { peer, device = "", epoch, seq, bytes } = row;
      this.#receivedHoldings.checkRoom(1, bytes);
      const again: EntryRow = { ...known, outcome: "pending", attempts: 0, redelivered: true, open: 1 };
      transaction.put("entries", again);
      transaction.delete("entryFacts", [place, "dead-lettered"]);
      this.#history.subtract(bytes);
      const isNoted = await this.#isNoted(transaction, place);
      this.#received.add({ sender: peer, device, epoch, seq, place, bytes, attempts: 0, isNoted });
      const entry = await this.#pendingEntry(transaction, place);
      if (entry === undefined) throw new ParleyError("storage_unavailable");
      return entry;
    }, rowBytes);
  }

  async forgetInbound(stream: InboundStreamId): Promise<void> {
    this.#commits.checkOpen();
    checkInboundStream(stream);
    await this.#commits.run((transaction) => this.#inbound.forget(transaction, stream), rowBytes);
  }

  async deliveries(query: DeliveryQuery = {}): Promise<DeliveryPage> {
    this.#commits.checkOpen();
    const plan = checkDeliveryQuery(query);
    return this.#commits.read((transaction) => readPage(transaction, plan));
  }

  async removeDeliveries(places: readonly number[]): Promise<void> {
    this.#commits.checkOpen();
    checkPlaces(places);
    await this.#commits.run(async (transaction) => {
      if (!(await this.#history.remove(transaction, places)))
        throw new ParleyError("conflict", { message: "One of them is pending." });
    }, rowBytes);
  }

  async importHistory(records: readonly DeliveryRecord[]): Promise<void> {
    this.#commits.checkOpen();
    checkImport(records);
    const bytes = records.reduce((sum, { body }) => sum + body.byteLength + rowBytes, 0);
    await this.#commits.run(async (transaction) => {
      for (const record of records) await this.#import(transaction, record);
    }, bytes);
  }

  async getState(key: string): Promise<Uint8Array | undefined> {
    this.#commits.checkOpen();
    checkStateKey(key);
    return this.#commits.read((transaction) => transaction.get<Uint8Array>("state", key));
  }

  async putState(key: string, value: Uint8Array | undefined): Promise<void> {
    this.#commits.checkOpen();
    checkState(key, value);
    await this.#commits.run(
      async (transaction) => {
        if (value === undefined) return transaction.delete("state", key);
        const isKnown = (await done(transaction.store("state").getKey(key))) !== undefined;
        const count = isKnown ? 0 : await done(transaction.store("state").count());
        if (count >= maxJournalStateKeys) throw new ParleyError("limit_reached", { data: { maxJournalStateKeys } });
        transaction.put("state", value, key);
      },
      (value?.byteLength ?? 0) + rowBytes,
    );
  }

  async newEpoch(): Promise<string> {
    this.#commits.checkOpen();
    const epoch = makeEpoch(this.#random);
    await this.#commits.run(async (transaction) => {
      await this.#renumber(transaction, epoch);
      transaction.put("settings", epoch, epochKey);
    }, rowBytes);
    this.#epoch = epoch;
    return epoch;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#commits.close();
    this.#database.close();
    await this.#release();
  }

  #breakOff(): void {
    if (this.#closed) return;
    this.#commits.breakOff(
      new ParleyError("storage_unavailable", {
        message: `${this.#database.name}: the browser closed it.`,
        data: { reason: "closed" },
      }),
    );
  }

  /** The first transaction: what is there, and the epoch of a new journal. */
  async #readAll(): Promise<void> {
    const transaction = new Transaction(this.#database, "readwrite");
    await this.#tally.reset(transaction);
    await this.#outbound.reset(transaction);
    this.#outbound.dropHalfBodies(transaction);
    await this.#outbound.reset(transaction);
    await this.#inbound.reset(transaction);
    await this.#history.reset();
    await this.#readReceived(transaction);
    const epoch = await transaction.get<string>("settings", epochKey);
    this.#epoch = epoch ?? makeEpoch(this.#random);
    if (epoch === undefined) transaction.put("settings", this.#epoch, epochKey);
    this.#oldPlaces = this.#tally.get("place");
    await transaction.ended;
  }

  async #readReceived(transaction: Transaction): Promise<void> {
    this.#received.clear();
    const streams = new Map<number, InboundStreamRow | undefined>();
    for (const entry of await transaction.by<EntryRow>("entries", "open", IDBKeyRange.only(1))) {
      const { stream, seq, place, bytes, attempts } = entry;
      if (!streams.has(stream)) streams.set(stream, await transaction.get("inbound", stream));
      const row = streams.get(stream);
      if (row === undefined) continue;
      const { sender, device, epoch } = row;
      const isNoted = await this.#isNoted(transaction, place);
      this.#received.add({ sender, device, epoch, seq, place, bytes, attempts, isNoted });
    }
  }

  #putEntry(transaction: Transaction, body: Uint8Array, entry: EntryRow): void {
    transaction.put("entries", entry);
    // A view of a larger buffer would be stored with all of it.
    transaction.put("bodies", body.byteLength === body.buffer.byteLength ? body : body.slice(), entry.place);
  }

  #receive(transaction: Transaction, stream: InboundStreamId, id: number, received: ReceivedEntry): void {
    const { seq, receivedAt, envelope, path, redelivered = false } = received;
    const place = this.#tally.next("place");
    const bytes = envelope.body.byteLength;
    this.#putEntry(transaction, envelope.body, {
      ...newEntry,
      ...envelopePart(envelope),
      place,
      outgoing: 0,
      stream: id,
      seq,
      at: receivedAt,
      path,
      bytes,
      redelivered,
      open: 1,
    });
    const { sender, device, epoch } = stream;
    this.#received.add({ sender, device, epoch, seq, place, bytes, attempts: 0, isNoted: false });
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
    await this.#history.remove(
      transaction,
      told.map(({ place }) => place),
    );
    return new Set(rows.filter(({ outcome }) => outcome !== "imported").map(({ seq }) => seq));
  }

  async #change(transaction: Transaction, place: number, change: (entry: EntryRow) => EntryRow): Promise<void> {
    const entry = await transaction.get<EntryRow>("entries", place);
    if (entry !== undefined) transaction.put("entries", change(entry));
  }

  async #noteAt(transaction: Transaction, entry: EntryRow, fact: DeliveryFact): Promise<void> {
    const row = await rowOf(transaction, entry);
    if (row !== undefined) await noteEntry(transaction, row, fact);
  }

  async #isNoted(transaction: Transaction, place: number): Promise<boolean> {
    const range = IDBKeyRange.bound([place], [place, []]);
    return (await transaction.all<EntryFactRow>("entryFacts", range, 1)).length > 0;
  }

  async #outboxEntry(transaction: Transaction, place: number, recipient: string): Promise<OutboxEntry | undefined> {
    const known = await transaction.get<EntryRow>("entries", place);
    const body = await transaction.get<Uint8Array>("bodies", place);
    const row = known === undefined ? undefined : await rowOf(transaction, known);
    if (known === undefined || body === undefined || row === undefined) return undefined;
    const { state } = (await notedOf(transaction, [row])).of(row);
    return { recipient, seq: row.seq, epoch: row.epoch, at: known.at, state, envelope: envelopeOf(known, body) };
  }

  async #pendingEntry(transaction: Transaction, place: number): Promise<PendingEntry | undefined> {
    const known = await transaction.get<EntryRow>("entries", place);
    const body = await transaction.get<Uint8Array>("bodies", place);
    const row = known === undefined ? undefined : await rowOf(transaction, known);
    if (known === undefined || body === undefined || row === undefined) return undefined;
    const { peer, device = "", epoch, seq, attempts } = row;
    return {
      sender: peer,
      device,
      epoch,
      seq,
      receivedAt: known.at,
      envelope: envelopeOf(known, body),
      ...(known.path === undefined ? {} : { path: known.path }),
      place,
      attempts,
      redelivered: row.redelivered || place <= this.#oldPlaces,
    };
  }

  async #import(transaction: Transaction, record: DeliveryRecord): Promise<void> {
    const { direction, peer, device = "", id, epoch, seq, kind, created, expires, body, facts, receipts } = record;
    const first = placeIn(id);
    const same = await rowsWithId(transaction, first.epoch, first.seq);
    const [firstFact] = facts;
    if (same.some((known) => known.direction === direction && known.peer === peer) || firstFact === undefined) return;
    const isSent = direction === "out";
    const stream = isSent
      ? await this.#outbound.foreign(transaction, peer, epoch)
      : (await this.#inbound.findOrMake(transaction, { sender: peer, device, epoch })).id;
    if ((await this.#countAt(transaction, isSent ? 1 : 0, stream, seq)) > 0) return;
    const origin = id === envelopeId(epoch, seq) ? undefined : first;
    const ttl = expires === undefined ? 0 : expires - created;
    const envelope = { kind, critical: false, more: false, created, ttl, hops: 0, trace: undefined, origin, body };
    const place = this.#tally.next("place");
    this.#putEntry(transaction, body, {
      ...newEntry,
      ...envelopePart(envelope),
      place,
      outgoing: isSent ? 1 : 0,
      stream,
      seq,
      at: firstFact.at,
      bytes: body.byteLength,
      outcome: "imported",
      attempts: record.attempts,
      redelivered: record.redelivered,
    });
    for (const fact of facts) putFact(transaction, place, boundedFact(fact), receipts.get(fact.state));
    this.#history.add(1, body.byteLength, place);
  }

  #countAt(transaction: Transaction, outgoing: 0 | 1, stream: number, seq: number): Promise<number> {
    return done(transaction.store("entries").index("stream").count([outgoing, stream, seq]));
  }

  /** What is pending moves to new rows, whose numbers start at 1, and takes its facts along. */
  async #renumber(transaction: Transaction, epoch: string): Promise<void> {
    const { ledger } = this.#outbound;
    const streams = ledger.streams();
    this.#outbound.save(transaction);
    this.#outbound.retireAll(transaction);
    for (const { row, pending } of streams) {
      for (const sent of pending) {
        const known = await transaction.get<EntryRow>("entries", sent.place);
        if (known === undefined) continue;
        const delivery = await rowOf(transaction, known);
        if (delivery !== undefined) await this.#keepFacts(transaction, delivery);
        const seq = (ledger.rowsOf(row.recipient).at(-1)?.lastSeq ?? 0) + 1;
        const moved = ledger.append(row.recipient, epoch, { ...sent, seq }, () => this.#outbound.make());
        const origin = known.origin ?? [row.epoch, known.seq];
        transaction.put("entries", { ...known, stream: moved.row.id, seq, origin });
      }
      await trimSent(transaction, row.id);
      await this.#outbound.release(transaction, row.id);
    }
  }

  async #keepFacts(transaction: Transaction, row: DeliveryRow): Promise<void> {
    const { facts, receipts } = (await notedOf(transaction, [row])).of(row);
    for (const fact of facts.slice(1)) putFact(transaction, row.place, fact, receipts.get(fact.state));
  }
}

/** What most entries begin with. */
const newEntry: Pick<EntryRow, "path" | "outcome" | "settledAt" | "attempts" | "redelivered" | "isTail"> = {
  path: undefined,
  outcome: "pending",
  settledAt: 0,
  attempts: 0,
  redelivered: false,
  isTail: false,
};
