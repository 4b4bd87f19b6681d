import type { Blobs } from "./blobs.ts";
import type { Bus } from "./bus.ts";
import type { Clock, Random } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Records } from "./records.ts";

/**
 * Stores: the four ports that a registry stands on, opened and closed together.
 *
 * Nothing above the ports knows which adapter runs. `close` finishes the writes already handed over, ends the watches and
 * subscriptions, and is safe to call again. Afterwards every call rejects with `closed`, except `bus.publish`, which drops.
 *
 * Storage trouble is an error of the call, never of the process: `storage_full` and `storage_unavailable` say that nothing of that
 * call was kept, unless the port says otherwise.
 */
export interface Stores {
  readonly log: Log;
  readonly records: Records;
  readonly bus: Bus;
  readonly blobs: Blobs;
  close(): Promise<void>;
}

/** What every adapter is given. */
export interface StoresOptions {
  readonly clock: Clock;
  /** For epochs. Default: the platform's generator. */
  readonly random?: Random;
  /** Blob bytes that one owner may hold. Default `defaultBlobQuotaBytes`. */
  readonly blobQuotaBytes?: number;
  /** Blob bytes in all. Default `defaultBlobTotalBytes`. */
  readonly blobTotalBytes?: number;
  /** Told of an exception that a watch or a subscription handler threw. Default: dropped. */
  readonly onHandlerError?: (error: unknown) => void;
}
