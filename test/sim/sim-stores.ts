/** The registry's stores as one life of a node sees them; what they hold outlives it. */
import type { RecordChange, Stores } from "@parley/core";

import { type Gate, gated } from "./gate.ts";
import type { Life, Scheduler } from "./scheduler.ts";

const changes: ReadonlySet<string> = new Set(["append", "trim", "remove", "newEpoch", "put", "delete", "sweep"]);
const watchMs = 0.05;

export interface StoreView {
  readonly stores: Stores;
  /** The life is over. */
  readonly end: () => void;
}

export interface StoreViewOptions {
  readonly stores: Stores;
  readonly scheduler: Scheduler;
  readonly life: Life;
  readonly gate: Gate;
  /** Hears of each change of the log. */
  readonly onLog: (name: string, args: readonly unknown[], result: unknown) => void;
}

export function viewStores({ stores, scheduler, life, gate, onLog }: StoreViewOptions): StoreView {
  const over = new AbortController();
  const isChange = (name: string): boolean => changes.has(name);
  const records = gated(stores.records, gate, isChange);
  const later = (kind: string, run: () => void): void => void scheduler.in(watchMs, life, kind, run);
  const watched: Stores["records"] = {
    get: (...args) => records.get(...args),
    put: (...args) => records.put(...args),
    delete: (...args) => records.delete(...args),
    list: (...args) => records.list(...args),
    watch: async (prefix, onChange, options) => {
      options?.signal?.addEventListener("abort", () => over.abort(), { once: true });
      const hand = (change: RecordChange): void => later("watch", () => onChange(change));
      await stores.records.watch(prefix, hand, { signal: over.signal });
      await new Promise<void>((resolve) => later("watch", resolve));
    },
  };
  return {
    stores: {
      log: gated(stores.log, gate, isChange, onLog),
      records: watched,
      bus: stores.bus,
      blobs: gated(stores.blobs, gate, isChange),
      close: async () => undefined,
    },
    end: () => over.abort(),
  };
}
