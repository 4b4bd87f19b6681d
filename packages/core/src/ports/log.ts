/**
 * Log: many named, append-only streams of bytes. Mailboxes, channels and the audit live here.
 *
 * Contract, written for the weakest back end:
 * - Ordering: offsets of a stream increase in append order and are **not dense**: an absent number means nothing by itself.
 *   Appends handed over in one order by one caller to one stream keep that order.
 * - Atomicity: an append is there whole or not at all, and durable once the promise resolves. A rejection other than `conflict`,
 *   `closed`, `invalid_argument` or `too_large` leaves open whether it was kept: append again with the same `dedupeKey`.
 * - Idempotence: a `dedupeKey` seen in the stream before gives the first offset and `duplicate: true`, even if that entry was trimmed and
 *   whatever `ifLast` says. A key is remembered for `logDedupeWindowMs`, or until `maxLogDedupeKeys` newer ones came; it may be longer.
 * - Condition: with `ifLast` the append happens only if the stream's `last` is exactly that, else `conflict` with `data.last`.
 *   A conflict may be spurious (read again and retry); a success never is.
 * - Reading: everything from `from` to the end of the answer is in it. `from < first` means that entries may have been trimmed away.
 * - Epoch: cursors count within one epoch. A changed one (a restored backup) means that offsets may stand for other entries.
 * - There is no tail: publish a hint on the Bus after the append, and read.
 * - Limits: `maxLogEntryBytes`, `maxLogReadEntries`, `maxLogReadBytes`, names as `isStoreName` says. Entries are not to be changed
 *   after they were handed over or received.
 */
export interface Log {
  append(stream: string, entry: Uint8Array, options?: AppendOptions): Promise<AppendResult>;
  read(stream: string, options?: ReadOptions): Promise<LogPage>;
  /** Removes everything up to and including `upTo` (clamped to `last`). Durable when resolved, idempotent, never undone. */
  trim(stream: string, upTo: number): Promise<LogBounds>;
  /** A stream that was never written has `first: 1, last: 0`. */
  bounds(stream: string): Promise<LogBounds>;
  /** Forgets the stream, its bounds and entries. Offsets used later are still higher; dedupe keys may still be remembered. */
  remove(stream: string): Promise<void>;
  /** Names under a prefix (empty or ending in `/`), sorted by code unit. Not a snapshot. */
  streams(prefix: string, options?: NamePageOptions): Promise<NamePage>;
  /** Starts a new epoch on every stream; entries and bounds stay. For a restored backup, before anything is served. */
  newEpoch(): Promise<string>;
}

export interface AppendOptions {
  /** 1–256 characters, unique per stream, for example a message id. */
  readonly dedupeKey?: string;
  /** The `last` that the caller has seen; 0 for a stream without entries so far. */
  readonly ifLast?: number;
}

export interface AppendResult {
  readonly offset: number;
  readonly duplicate: boolean;
}

export interface ReadOptions {
  /** First offset wanted, from 1. Default 1. */
  readonly from?: number;
  /** Most entries. Default 256, clamped to `maxLogReadEntries`. */
  readonly limit?: number;
  /** Most bytes of entries, though one entry is given however large. Default 1 MiB, clamped to `maxLogReadBytes`. */
  readonly maxBytes?: number;
}

export interface LogBounds {
  readonly epoch: string;
  /** Nothing from here on was trimmed; 1 if nothing ever was. */
  readonly first: number;
  /** Highest offset given so far, 0 if none. Stays when entries are trimmed. */
  readonly last: number;
}

export interface LogEntry {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The store's wall time at the append, milliseconds since 1970. */
  readonly at: number;
}

export interface LogPage extends LogBounds {
  readonly entries: readonly LogEntry[];
  /** True if the answer reaches `last`; false if a limit cut it. */
  readonly complete: boolean;
  /** The `from` that goes on where this answer ends. */
  readonly next: number;
}

export interface NamePageOptions {
  /** Default 256, clamped to `maxNamePage`. */
  readonly limit?: number;
  /** Give names after this one. */
  readonly after?: string;
}

export interface NamePage {
  readonly names: readonly string[];
  /** False if a limit cut the answer: go on with `after` set to the last name. */
  readonly complete: boolean;
}

export const maxLogEntryBytes = 1_048_576;
export const maxLogReadEntries = 1000;
export const maxLogReadBytes = 4_194_304;
export const maxDedupeKeyLength = 256;
/** Two minutes: the default window of JetStream, longer than its gap on a failover. */
export const logDedupeWindowMs = 120_000;
export const maxLogDedupeKeys = 1_000_000;
export const maxNamePage = 1000;
