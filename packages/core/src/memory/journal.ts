import type { Envelope } from "@parley/protocol";
import { limits, ParleyError } from "@parley/protocol";

import type { Random } from "../ports/clock.ts";
import { makeEpoch } from "../ports/epoch.ts";
import type {
  InboundStreamId,
  InboxEntry,
  Journal,
  JournalOptions,
  JournalState,
  OutboxEntry,
  ReceivedEntry,
} from "../ports/journal.ts";
import {
  defaultJournalBounds,
  maxEpochsPerDevice,
  maxJournalRecipients,
  maxJournalStateKeys,
} from "../ports/journal.ts";
import { systemRandom } from "../ports/system-clock.ts";
import {
  checkInboundStream,
  checkInboxCommit,
  checkOutboxEntry,
  checkState,
  checkStateKey,
  Holdings,
} from "./journal-checks.ts";

export interface MemoryJournalOptions extends JournalOptions {
  readonly random?: Random;
}

/** A journal in memory: for devices that need not outlive their process, and for tests. */
export function openMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  return new MemoryJournal(options);
}

const streamKey = ({ sender, device, epoch }: InboundStreamId): string => JSON.stringify([sender, device, epoch]);

const entryKey = (stream: InboundStreamId, seq: number): string => `${seq} ${streamKey(stream)}`;

interface SentEntry {
  /** Place in append order over all recipients. */
  readonly place: number;
  readonly entry: OutboxEntry;
}

const copyOf = (envelope: Envelope): Envelope => ({ ...envelope, body: envelope.body.slice() });

class MemoryJournal implements Journal {
  readonly #random: Random;
  readonly #sent: Holdings;
  readonly #received: Holdings;
  /** Per recipient, ascending. */
  readonly #outbox = new Map<string, SentEntry[]>();
  /** By stream and seq, in commit order. */
  readonly #inbox = new Map<string, InboxEntry>();
  readonly #lastSeq = new Map<string, number>();
  /** In order of the last commit, so that the idle ones are first. */
  readonly #cursors = new Map<string, InboundStreamId & { readonly seq: number }>();
  readonly #state = new Map<string, Uint8Array>();
  #epoch: string;
  #places = 0;
  #closed = false;

  constructor(options: MemoryJournalOptions) {
    this.#random = options.random ?? systemRandom;
    this.#epoch = makeEpoch(this.#random);
    this.#sent = new Holdings("outbox", options.outbox ?? defaultJournalBounds);
    this.#received = new Holdings("inbox", options.inbox ?? defaultJournalBounds);
  }

  async load(): Promise<JournalState> {
    this.#checkOpen();
    return {
      epoch: this.#epoch,
      outbox: this.#inAppendOrder().map((entry) => ({ ...entry, envelope: copyOf(entry.envelope) })),
      inbound: [...this.#cursors.values()],
      lastSeq: new Map(this.#lastSeq),
    };
  }

  async appendOutbox(entry: OutboxEntry): Promise<void> {
    this.#checkOpen();
    checkOutboxEntry(entry);
    const last = this.#lastSeq.get(entry.recipient);
    if (entry.seq <= (last ?? 0)) throw new ParleyError("conflict", { data: { last } });
    if (last === undefined && this.#lastSeq.size >= maxJournalRecipients) {
      throw new ParleyError("limit_reached", { data: { maxJournalRecipients } });
    }
    this.#sent.checkRoom(1, entry.envelope.body.byteLength);
    const entries = this.#outbox.get(entry.recipient) ?? [];
    entries.push({ place: this.#places++, entry: { ...entry, envelope: copyOf(entry.envelope) } });
    this.#outbox.set(entry.recipient, entries);
    this.#sent.add(1, entry.envelope.body.byteLength);
    this.#lastSeq.set(entry.recipient, entry.seq);
  }

  async settleOutbox(recipient: string, upToSeq: number): Promise<void> {
    this.#checkOpen();
    const entries = this.#outbox.get(recipient) ?? [];
    const kept = entries.findIndex(({ entry }) => entry.seq > upToSeq);
    this.#countGone(entries.splice(0, kept === -1 ? entries.length : kept));
    if (entries.length === 0) this.#outbox.delete(recipient);
  }

  async dropOutbox(recipient: string, seq: number): Promise<void> {
    this.#checkOpen();
    const entries = this.#outbox.get(recipient) ?? [];
    const index = entries.findIndex(({ entry }) => entry.seq === seq);
    if (index !== -1) this.#countGone(entries.splice(index, 1));
    if (entries.length === 0) this.#outbox.delete(recipient);
  }

  async commitInbox(stream: InboundStreamId, seq: number, entries: readonly ReceivedEntry[]): Promise<void> {
    this.#checkOpen();
    checkInboxCommit(stream, seq, entries);
    const key = streamKey(stream);
    const cursor = this.#cursors.get(key)?.seq ?? 0;
    const first = entries[0]?.seq ?? seq;
    if (seq <= cursor || first <= cursor) throw new ParleyError("conflict", { data: { cursor } });
    const bytes = entries.reduce((sum, entry) => sum + entry.envelope.body.byteLength, 0);
    this.#received.checkRoom(entries.length, bytes);
    const { sender, device, epoch } = stream;
    for (const entry of entries) {
      // A stream came back after it was forgotten, and the envelope is still pending.
      if (this.#inbox.has(entryKey(stream, entry.seq))) continue;
      const received = { ...entry, sender, device, epoch, redelivered: false, envelope: copyOf(entry.envelope) };
      this.#inbox.set(entryKey(stream, entry.seq), received);
      this.#received.add(1, entry.envelope.body.byteLength);
    }
    const known = this.#cursors.delete(key);
    this.#cursors.set(key, { sender, device, epoch, seq });
    if (!known) this.#forgetIdle(stream);
  }

  async settleInbox(settled: InboundStreamId & { readonly seq: number }): Promise<void> {
    this.#checkOpen();
    const key = entryKey(settled, settled.seq);
    const entry = this.#inbox.get(key);
    if (entry === undefined) return;
    this.#inbox.delete(key);
    this.#received.add(-1, -entry.envelope.body.byteLength);
  }

  async pendingInbox(): Promise<readonly InboxEntry[]> {
    this.#checkOpen();
    return [...this.#inbox.values()].map((entry) => ({ ...entry, envelope: copyOf(entry.envelope) }));
  }

  async forgetInbound(stream: InboundStreamId): Promise<void> {
    this.#checkOpen();
    checkInboundStream(stream);
    this.#cursors.delete(streamKey(stream));
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
    const before = this.#epoch;
    this.#epoch = makeEpoch(this.#random);
    this.#lastSeq.clear();
    for (const [recipient, entries] of this.#outbox) {
      const renumbered = entries.map(({ place, entry }, index) => {
        const origin = entry.envelope.origin ?? { epoch: before, seq: entry.seq };
        return { place, entry: { recipient, seq: index + 1, envelope: { ...entry.envelope, origin } } };
      });
      this.#outbox.set(recipient, renumbered);
      this.#lastSeq.set(recipient, renumbered.length);
    }
    return this.#epoch;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  #inAppendOrder(): OutboxEntry[] {
    const all = [...this.#outbox.values()].flat().sort((left, right) => left.place - right.place);
    return all.map(({ entry }) => entry);
  }

  #countGone(gone: readonly SentEntry[]): void {
    for (const { entry } of gone) this.#sent.add(-1, -entry.envelope.body.byteLength);
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
