import type { Envelope } from "@parley/protocol";
import { limits } from "@parley/protocol";

/**
 * Journal: a device's own durable state. What it sent and is not acknowledged, what it received and has not handled, and small settings.
 *
 * Contract:
 * - One holder: opening a journal that is open already, in another process or this one, fails with `device_in_use`.
 * - A change is durable when its promise resolves and atomic, and calls of the same tick share one commit. Changes take effect in
 *   call order. A rejected call changed nothing.
 * - `load` is for the start and reads everything, which the limits keep within memory.
 * - Sequence numbers go up per recipient and are never given twice in one epoch; a gap in the outbox is what was dropped. Cursors of inbound streams only go up.
 * - Bounds push back: `limit_reached`, retryable, when outbox or inbox hold `maxEntries` or `maxBytes` of bodies.
 * - `limits.inboundStreams` cursors are kept and, of one sending device, `maxEpochsPerDevice`: the one committed to longest ago gives way.
 * - Texts have 1 to `maxJournalTextLength` characters, bodies at most `limits.envelopeBytes`.
 * - After `close` every call rejects with `closed`. Bytes are not to be changed after they were handed over or received.
 */
export interface Journal {
  load(): Promise<JournalState>;
  /** `conflict` unless `seq` is above the recipient's last. */
  appendOutbox(entry: OutboxEntry): Promise<void>;
  /** Removes the recipient's entries up to and including `upToSeq`: the cumulative acknowledgement. */
  settleOutbox(recipient: string, upToSeq: number): Promise<void>;
  /** Removes one entry: expired, refused or withdrawn. */
  dropOutbox(recipient: string, seq: number): Promise<void>;
  /** Stores received envelopes and moves the stream's cursor to `seq`, together. `conflict` unless `seq` is above the cursor. */
  commitInbox(stream: InboundStreamId, seq: number, entries: readonly ReceivedEntry[]): Promise<void>;
  /** The handler returned: removes the envelope. What is not pending is ignored. */
  settleInbox(entry: InboundStreamId & { readonly seq: number }): Promise<void>;
  /** What was committed and not settled, in commit order. */
  pendingInbox(): Promise<readonly InboxEntry[]>;
  /** Drops the cursor of a stream that will not come back. Its pending entries stay. */
  forgetInbound(stream: InboundStreamId): Promise<void>;
  getState(key: string): Promise<Uint8Array | undefined>;
  /** `undefined` removes it. At most `maxJournalStateBytes` and `maxJournalStateKeys`. */
  putState(key: string, value: Uint8Array | undefined): Promise<void>;
  /**
   * For a restored backup: a new stream epoch. What the outbox holds is numbered anew from 1 per recipient and
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

export interface InboundCursor extends InboundStreamId {
  /** Everything up to and including this was committed. */
  readonly seq: number;
}

export interface OutboxEntry {
  /** Member id. */
  readonly recipient: string;
  readonly seq: number;
  readonly envelope: Envelope;
}

export interface ReceivedEntry {
  readonly seq: number;
  /** This device's wall time, milliseconds since 1970. */
  readonly receivedAt: number;
  readonly envelope: Envelope;
}

export interface InboxEntry extends ReceivedEntry, InboundStreamId {
  /** It was pending when the journal was opened, so a handler may have seen it before. */
  readonly redelivered: boolean;
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

/** Bounds of one direction. */
export interface JournalBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export interface JournalOptions {
  /** Default `defaultJournalBounds`. */
  readonly outbox?: JournalBounds;
  /** Default `defaultJournalBounds`. */
  readonly inbox?: JournalBounds;
}

export const defaultJournalBounds: JournalBounds = { maxEntries: limits.outboxEnvelopes, maxBytes: limits.outboxBytes };
/** Epochs of one sending device whose cursors are kept, so that no single device can push out the others. */
export const maxEpochsPerDevice = 8;
/** Recipients whose last sequence number is kept. */
export const maxJournalRecipients = 20_000;
/** Member and device ids, epochs and state keys. */
export const maxJournalTextLength = 256;
export const maxJournalStateBytes = 65_536;
export const maxJournalStateKeys = 10_000;
