/**
 * Records: small values by key, each with a revision. Members, names, invites, leases, policy.
 *
 * Contract, written for the weakest back end:
 * - Ordering: revisions of one key increase with every change, also over a delete, and are not dense. Nothing is said about two keys.
 * - Atomicity: one key per call. There is no transaction over several keys: an invariant lives in one record, and work in several
 *   steps is an idempotent saga. A change is durable once the promise resolves; reading one's own writes works.
 * - Condition: with `ifRevision` a change happens only if the record's revision is exactly that, or it is `absent`. A conflict may be
 *   spurious (read again and retry); a success never is. A rejection leaves open whether the change was made: read again.
 * - Watching: first the values there are, then changes. At least once, in order per key, perhaps late, perhaps without values in between: the
 *   last value of a key always comes. A handler is called later, never from inside `put`, and must not throw.
 * - There is no expiry: keep it as a field, check it on reading, sweep.
 * - Limits: `maxRecordBytes`; names as `isStoreName` says; prefixes are empty or end in `/`. Values are not to be changed after they were
 *   handed over or received.
 */
export interface Records {
  get(key: string): Promise<StoredRecord | undefined>;
  put(key: string, value: Uint8Array, options?: PutOptions): Promise<PutResult>;
  /** Deleting what is not there is `ok`, unless `ifRevision` names a revision. */
  delete(key: string, options?: DeleteOptions): Promise<DeleteResult>;
  /** Sorted by key, by code unit. Not a snapshot: each record is as it was at some moment during the call. */
  list(prefix: string, options?: ListOptions): Promise<RecordPage>;
  /** Resolves when the values there were at the start have all been handed over; goes on until `signal` aborts or the store closes. */
  watch(prefix: string, onChange: (change: RecordChange) => void, options?: WatchOptions): Promise<void>;
}

export interface StoredRecord {
  readonly value: Uint8Array;
  readonly revision: number;
}

export interface PutOptions {
  readonly ifRevision?: number | "absent";
}

export interface DeleteOptions {
  readonly ifRevision?: number;
}

/** `conflict` is the revision that was in the way, which may be old news by now. */
export interface RecordConflict {
  readonly ok: false;
  readonly conflict: number | "absent";
}

export type PutResult = { readonly ok: true; readonly revision: number } | RecordConflict;
export type DeleteResult = { readonly ok: true } | RecordConflict;

export interface ListOptions {
  /** Default 256, clamped to `maxRecordPage`. A page also ends after `maxRecordPageBytes` of values. */
  readonly limit?: number;
  /** Give keys after this one. */
  readonly after?: string;
}

export interface ListedRecord extends StoredRecord {
  readonly key: string;
}

export interface RecordPage {
  readonly records: readonly ListedRecord[];
  /** False if a limit cut the answer: go on with `after` set to the last key. */
  readonly complete: boolean;
}

export interface RecordChange {
  readonly key: string;
  readonly revision: number;
  /** Absent if the record was deleted. */
  readonly value: Uint8Array | undefined;
}

export interface WatchOptions {
  /** Aborting ends the watch: the handler is not called again, and `watch`, if still waiting, resolves. */
  readonly signal?: AbortSignal;
}

export const maxRecordBytes = 262_144;
export const maxRecordPage = 1000;
export const maxRecordPageBytes = 4_194_304;
/** Watches open at once on one store. */
export const maxWatches = 1024;
