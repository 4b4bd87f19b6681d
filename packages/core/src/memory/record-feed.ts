import { ParleyError } from "@parley/protocol";

import type { RecordChange, WatchOptions } from "../ports/records.ts";
import { maxWatches } from "../ports/records.ts";
import { checkStorePrefix } from "../ports/store-name.ts";

interface Watch {
  readonly prefix: string;
  readonly onChange: (change: RecordChange) => void;
  /** The newest change of each key that was not handed over yet. Bounded by the keys that change between two hand-overs. */
  readonly pending: Map<string, RecordChange>;
  /** Whether the initial values are out, so that changes may follow. */
  caughtUp: boolean;
  scheduled: boolean;
  ended: boolean;
}

/** A page of current records, in key order; an empty one ends the initial values. */
export type InitialPage = (after: string) => readonly RecordChange[] | Promise<readonly RecordChange[]>;

/**
 * The watches of a store that lives in one process: told of every committed change, it hands each watch the newest value of each key.
 *
 * Changes during the initial values wait until those are out. They hold the newest value by then, so order per key is kept.
 */
export class RecordFeed {
  readonly #watches = new Set<Watch>();
  readonly #schedule: (run: () => void) => void;
  readonly #onHandlerError: (error: unknown) => void;
  #closed = false;

  constructor(schedule: (run: () => void) => void, onHandlerError: ((error: unknown) => void) | undefined) {
    this.#schedule = schedule;
    this.#onHandlerError = onHandlerError ?? (() => undefined);
  }

  /** Call after the commit. */
  changed(change: RecordChange): void {
    for (const watch of this.#watches) {
      if (!change.key.startsWith(watch.prefix)) continue;
      watch.pending.set(change.key, change);
      this.#scheduleHandOver(watch);
    }
  }

  async watch(
    prefix: string,
    onChange: (change: RecordChange) => void,
    options: WatchOptions,
    pageAfter: InitialPage,
  ): Promise<void> {
    checkStorePrefix(prefix);
    if (this.#watches.size >= maxWatches) throw new ParleyError("limit_reached", { data: { maxWatches } });
    const aborted = (): boolean => options.signal?.aborted === true;
    if (aborted()) return;
    const watch: Watch = { prefix, onChange, pending: new Map(), caughtUp: false, scheduled: false, ended: false };
    this.#watches.add(watch);
    const end = (): void => {
      watch.ended = true;
      watch.pending.clear();
      this.#watches.delete(watch);
    };
    options.signal?.addEventListener("abort", end, { once: true });
    try {
      await this.#handOverInitial(watch, pageAfter);
    } catch (error) {
      end();
      throw error;
    }
    if (aborted()) return;
    if (this.#closed) throw new ParleyError("closed");
    watch.caughtUp = true;
    this.#scheduleHandOver(watch);
  }

  close(): void {
    this.#closed = true;
    for (const watch of this.#watches) {
      watch.ended = true;
      watch.pending.clear();
    }
    this.#watches.clear();
  }

  async #handOverInitial(watch: Watch, pageAfter: InitialPage): Promise<void> {
    let after = "";
    while (!watch.ended) {
      const page = await pageAfter(after);
      const lastKey = page.at(-1)?.key;
      if (lastKey === undefined) return;
      await new Promise<void>((resolve) => this.#schedule(resolve));
      for (const change of page) this.#call(watch, change);
      after = lastKey;
    }
  }

  #scheduleHandOver(watch: Watch): void {
    if (!watch.caughtUp || watch.scheduled || watch.pending.size === 0) return;
    watch.scheduled = true;
    this.#schedule(() => {
      watch.scheduled = false;
      const changes = [...watch.pending.values()];
      watch.pending.clear();
      for (const change of changes) this.#call(watch, change);
    });
  }

  #call(watch: Watch, change: RecordChange): void {
    if (watch.ended) return;
    try {
      watch.onChange(change);
    } catch (error) {
      this.#onHandlerError(error);
    }
  }
}
