import { limits } from "@parley/protocol";

/**
 * Blobs: sealed content by the hash of its bytes. Attachments and artifacts for those who are away.
 *
 * Contract, written for the weakest back end:
 * - A blob is named by the SHA-256 of its content, 64 lower-case hex digits, and never changes. `put` refuses content that does not match.
 * - Each `put` is a hold of one owner until a time. The same content held by several owners is stored once, counts in full for
 *   each, and goes when the last hold is deleted or past its expiry. A further `put` of the same owner only moves the expiry later.
 * - Atomicity: a hold is there whole and durable once the promise resolves, or not at all. An expired one is never given out, swept or not.
 * - Quota: `limit_reached` beyond an owner's, `storage_full` beyond the store's. Both are soft: puts under way at the same time may pass together.
 * - Limits: `maxBlobBytes`, owners as `isStoreName` says, `maxBlobHoldsPerSweep` holds removed by one `sweep`.
 */
export interface Blobs {
  put(hash: string, content: Uint8Array, options: PutBlobOptions): Promise<{ readonly stored: boolean }>;
  get(hash: string): Promise<StoredBlob | undefined>;
  /** What `get` would give out, without reading it. */
  stat(hash: string, owner: string): Promise<BlobFacts | undefined>;
  /** Ends this owner's hold. False if there was none. */
  delete(hash: string, owner: string): Promise<boolean>;
  /** What the owner holds, expired but unswept holds included. */
  usage(owner: string): Promise<BlobUsage>;
  /** Removes holds whose expiry is at or before `now`. Call again while `complete` is false. */
  sweep(now: number): Promise<{ readonly removed: number; readonly complete: boolean }>;
}

export interface PutBlobOptions {
  readonly owner: string;
  /** Milliseconds since 1970, later than the store's now. */
  readonly expiresAt: number;
}

export interface StoredBlob {
  readonly content: Uint8Array;
  /** The latest expiry of its holds. */
  readonly expiresAt: number;
}

export interface BlobFacts {
  readonly bytes: number;
  /** The latest expiry of its holds. */
  readonly expiresAt: number;
  /** Expiry of this owner's hold, if it has one that still runs. */
  readonly heldUntil: number | undefined;
}

export interface BlobUsage {
  readonly bytes: number;
  readonly count: number;
}

export const maxBlobBytes = 16_777_216;
export const defaultBlobQuotaBytes: number = limits.blobQuotaBytes;
export const defaultBlobTotalBytes = 8_589_934_592;
export const maxBlobHoldsPerSweep = 500;
