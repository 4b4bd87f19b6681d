import type { DeliveryState, Envelope, Path } from "@parley/protocol";
import { limits } from "@parley/protocol";

import type { DeliveryFact, DeliveryPage, DeliveryQuery, DeliveryRecord } from "./journal-history.ts";

/**
 * Journal: a device's own durable state. What it sent and what it received, with all that is known of each, and small settings. An entry
 * is *pending* until it needs nothing more of this device, and after that *history*, which is bounded: the oldest goes first.
 *
 * Contract:
 * - One holder: opening a journal that is open already, in another process or this one, fails with `device_in_use`.
 * - A change is durable when its promise resolves and atomic, and calls of the same tick share one commit. Changes take effect in
 *   call order. A rejected call changed nothing.
 * - `load` is for the start and reads everything pending, which the limits keep within memory.
 * - Sequence numbers go up per recipient and are never given twice in one epoch; a gap in the outbox is what was dropped. Cursors of inbound streams only go up.
 * - Bounds push back: `limit_reached`, retryable, when outbox or inbox hold `maxEntries` or `maxBytes` of pending bodies. History
 *   does not push back. What is over its bounds is gone with the commit that made it so, or soon after.
 * - Facts follow each other as `mayFollow` says; one that may not is kept out, without an error. Their texts are cut to `maxFactCharacters`.
 * - `limits.inboundStreams` cursors are kept and, of one sending device, `maxEpochsPerDevice`: the one committed to longest ago gives way.
 * - Texts have 1 to `maxJournalTextLength` characters, bodies at most `limits.envelopeBytes`.
 * - After `close` every call rejects with `closed`. Bytes are not to be changed after they were handed over or received.
 */
export interface Journal {
  load(): Promise<JournalState>;
  /** Pending, with the fact `accepted`. `conflict` unless `seq` is above the recipient's last. */
  appendOutbox(entry: NewOutboxEntry): Promise<void>;
  /**
   * Adds a fact to the recipient's entries from one number to another, pending or history, that may have it. A receipt, at most
   * `maxReceiptBytes`, takes the place of the one for the same state.
   */
  noteOutbox(recipient: string, from: number, to: number, fact: DeliveryFact, receipt?: Uint8Array): Promise<void>;
  /** The recipient's entries up to and including `upToSeq`, but no half body, need not be sent any more: history. */
  settleOutbox(recipient: string, upToSeq: number): Promise<void>;
  /** The same for one entry: expired, refused or withdrawn. With no fact but `accepted`, history does not show it. */
  dropOutbox(recipient: string, seq: number): Promise<void>;
  /**
   * Stores received envelopes, with the fact `delivered`, and moves the stream's cursor to `seq`, together. Gives the numbers that
   * came before, pending or history, and stay as they are. What was only imported did not come yet: it is replaced, with all that was
   * known of it. `conflict` unless `seq` is above the cursor.
   */
  commitInbox(stream: InboundStreamId, seq: number, entries: readonly ReceivedEntry[]): Promise<readonly number[]>;
  /** Pending to history: `handled`, `dead-lettered` or `refused`. What is not pending is ignored. */
  settleInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void>;
  /** Adds a fact to what was received, such as `read`. What is not there is ignored. */
  noteInbox(entry: InboundPlace, fact: DeliveryFact): Promise<void>;
  /** A pending entry is about to be handed out again: counts that durably, from 1. 0 for what is not pending. */
  noteAttempt(entry: InboundPlace): Promise<number>;
  /** What was committed and not settled, in commit order; an empty answer is the end. Without a query everything. */
  pendingInbox(query?: PendingQuery): Promise<readonly PendingEntry[]>;
  /** Member ids of those whose envelopes are pending in the inbox, in the order of their first. */
  pendingSenders(): Promise<readonly string[]>;
  /** A dead-lettered entry, by its place, is pending again: redelivered, no attempts, `delivered`. `not_found` if there is none. */
  reopenInbox(place: number): Promise<PendingEntry>;
  /** Drops the cursor of a stream that will not come back. Its entries stay. */
  forgetInbound(stream: InboundStreamId): Promise<void>;
  /** Both directions, pending and history: one record per body, no voids. */
  deliveries(query?: DeliveryQuery): Promise<DeliveryPage>;
  /** Removes history, at most `maxDeliveries` places. `conflict`, and nothing removed, if one is pending; unknown ones are ignored. */
  removeDeliveries(places: readonly number[]): Promise<void>;
  /**
   * Adds what another of the member's own devices remembers, at most `maxDeliveries` records, never as pending and not as received.
   * Ignores what is there already, by direction, peer and id.
   */
  importHistory(records: readonly DeliveryRecord[]): Promise<void>;
  getState(key: string): Promise<Uint8Array | undefined>;
  /** `undefined` removes it. At most `maxJournalStateBytes` and `maxJournalStateKeys`. */
  putState(key: string, value: Uint8Array | undefined): Promise<void>;
  /**
   * For a restored backup: a new stream epoch. What is pending in the outbox is numbered anew from 1 per recipient and
   * keeps its old place as `origin`. Load again afterwards.
   */
  newEpoch(): Promise<string>;
  /** Finishes the writes handed over. Safe to call again. */
  close(): Promise<void>;
}

/** A stream as its recipient sees it. */
export interface InboundStreamId {
  /** Member id. */
  readonly sender: string;
  /** Device id. */
  readonly device: string;
  readonly epoch: string;
}

export interface InboundPlace extends InboundStreamId {
  readonly seq: number;
}

export interface InboundCursor extends InboundStreamId {
  /** Everything up to and including this was committed. */
  readonly seq: number;
}

export interface NewOutboxEntry {
  /** Member id, or `<member id>|<rule>` for a stream of its own. */
  readonly recipient: string;
  readonly seq: number;
  readonly envelope: Envelope;
  /** When it was accepted, milliseconds since 1970. Default: the envelope's `created`. */
  readonly at?: number;
  /** Epoch of the recipient's stream. Default: the journal's. */
  readonly epoch?: string;
}

export interface OutboxEntry extends NewOutboxEntry {
  readonly at: number;
  readonly epoch: string;
  /** The newest fact's. */
  readonly state: DeliveryState;
}

export interface ReceivedEntry {
  readonly seq: number;
  /** This device's wall time, milliseconds since 1970. */
  readonly receivedAt: number;
  readonly envelope: Envelope;
  /** By which it came. */
  readonly path?: Path;
  /** The sender or its node says that another device of this member may have had it. */
  readonly redelivered?: boolean;
}

export interface InboxEntry extends ReceivedEntry, InboundStreamId {
  /** It was flagged when it came, or was pending when the journal was opened, so a handler may have seen it before. */
  readonly redelivered: boolean;
}

export interface PendingEntry extends InboxEntry {
  /** Goes up in commit order. */
  readonly place: number;
  /** How often it was about to be handed out again. */
  readonly attempts: number;
}

export interface PendingQuery {
  /** Member id; all by default. */
  readonly sender?: string;
  /** Only what has a higher place. */
  readonly after?: number;
  /** Entries of one answer, which may be fewer for their size. Default: everything. */
  readonly limit?: number;
}

export interface JournalState {
  /** Of this device's outgoing streams: random, made with the journal. */
  readonly epoch: string;
  /** In append order. */
  readonly outbox: readonly OutboxEntry[];
  readonly inbound: readonly InboundCursor[];
  /** Highest sequence number given per recipient, acknowledged or not. */
  readonly lastSeq: ReadonlyMap<string, number>;
}

/** Bounds of one direction, or of history. */
export interface JournalBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export interface JournalOptions {
  /** Default `defaultJournalBounds`. */
  readonly outbox?: JournalBounds;
  /** Default `defaultJournalBounds`. */
  readonly inbox?: JournalBounds;
  /** Of both directions together. Default `defaultHistoryBounds`. */
  readonly history?: JournalBounds;
}

export const defaultJournalBounds: JournalBounds = { maxEntries: limits.outboxEnvelopes, maxBytes: limits.outboxBytes };
export const defaultHistoryBounds: JournalBounds = { maxEntries: limits.historyEntries, maxBytes: limits.historyBytes };
/** Epochs of one sending device whose cursors are kept, so that no single device can push out the others. */
export const maxEpochsPerDevice = 8;
/** Recipients whose last sequence number is kept. */
export const maxJournalRecipients = 20_000;
/** Member and device ids, recipients, epochs and state keys. */
export const maxJournalTextLength = 256;
export const maxJournalStateBytes = 65_536;
export const maxJournalStateKeys = 10_000;
