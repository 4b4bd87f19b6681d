import path from "node:path";

import type { Stores, StoresOptions } from "@parley/core";
import { defaultBlobQuotaBytes, defaultBlobTotalBytes, MemoryBus, systemRandom } from "@parley/core";

import { BlobFolder } from "./blob-folder.ts";
import { SqliteBlobs } from "./blobs.ts";
import { Database } from "./database.ts";
import { GroupCommit } from "./group-commit.ts";
import { SqliteLog } from "./log.ts";
import { SqliteRecords } from "./records.ts";
import { registrySchema } from "./registry-schema.ts";

export interface SqliteStoresOptions extends StoresOptions {
  /** Data folder: `registry.db` and `blobs/`. Made with mode 0700 if absent. */
  readonly dir: string;
  /** Size of the database at which writes fail with `storage_full`. Default: the disk's. */
  readonly maxBytes?: number;
}

/**
 * The four ports on SQLite, for one registry process. Throws `storage_unavailable` (with `data.reason`), `storage_full` or
 * `data_too_new`; a folder that another process has open is `storage_unavailable` with reason `held`.
 */
export function openSqliteStores(options: SqliteStoresOptions): Stores {
  const { clock, random = systemRandom, dir, maxBytes, onHandlerError } = options;
  const database = new Database({
    file: path.join(dir, "registry.db"),
    schema: registrySchema,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  try {
    const commits = new GroupCommit(database);
    const log = new SqliteLog(database, commits, clock, random);
    const records = new SqliteRecords(database, commits, onHandlerError);
    const bus = new MemoryBus(onHandlerError);
    const blobs = new SqliteBlobs(database, commits, new BlobFolder(path.join(dir, "blobs")), clock, {
      perOwnerBytes: options.blobQuotaBytes ?? defaultBlobQuotaBytes,
      totalBytes: options.blobTotalBytes ?? defaultBlobTotalBytes,
    });
    return {
      log,
      records,
      bus,
      blobs,
      async close() {
        commits.close();
        records.close();
        bus.close();
        await blobs.idle();
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}
