import { defaultBlobQuotaBytes, defaultBlobTotalBytes } from "../ports/blobs.ts";
import type { Stores, StoresOptions } from "../ports/stores.ts";
import { systemRandom } from "../ports/system-clock.ts";
import { MemoryBlobs } from "./blobs.ts";
import { MemoryBus } from "./bus.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { MemoryFaults } from "./faults.ts";
import { MemoryLog } from "./log.ts";
import { MemoryRecords } from "./records.ts";

export interface MemoryStoresOptions extends StoresOptions {
  /** Bytes that log and records may keep together. Default 1 GiB. */
  readonly maxBytes?: number;
  readonly faults?: MemoryFaults;
}

const defaultMaxBytes = 1_073_741_824;

/** The four ports in memory, for one process: everything is gone when it ends. */
export function openMemoryStores(options: MemoryStoresOptions): Stores {
  const budget = new ByteBudget(options.maxBytes ?? defaultMaxBytes);
  const log = new MemoryLog(options.clock, options.random ?? systemRandom, budget, options.faults);
  const records = new MemoryRecords(options.clock, budget, options.onHandlerError, options.faults);
  const bus = new MemoryBus(options.onHandlerError);
  const blobs = new MemoryBlobs(options.clock, {
    perOwnerBytes: options.blobQuotaBytes ?? defaultBlobQuotaBytes,
    totalBytes: options.blobTotalBytes ?? defaultBlobTotalBytes,
  });
  return {
    log,
    records,
    bus,
    blobs,
    async close() {
      for (const port of [log, records, bus, blobs]) port.close();
    },
  };
}
