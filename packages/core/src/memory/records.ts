import { ParleyError } from "@parley/protocol";

import { checkPage, checkRecord, checkWhole } from "../ports/arguments.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  DeleteOptions,
  DeleteResult,
  ListedRecord,
  ListOptions,
  PutOptions,
  PutResult,
  RecordChange,
  RecordPage,
  Records,
  StoredRecord,
  WatchOptions,
} from "../ports/records.ts";
import { maxRecordPage, maxRecordPageBytes } from "../ports/records.ts";
import { checkStoreName } from "../ports/store-name.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { entryOverheadBytes } from "./byte-budget.ts";
import type { MemoryFaults } from "./faults.ts";
import { nextStep, refusesAnyway, watchScheduler } from "./faults.ts";
import { pageOfNames } from "./name-page.ts";
import { RecordFeed } from "./record-feed.ts";

/** The Records in memory. Revisions are given over all keys. */
export class MemoryRecords implements Records {
  readonly #budget: ByteBudget;
  readonly #faults: MemoryFaults | undefined;
  readonly #feed: RecordFeed;
  readonly #records = new Map<string, StoredRecord>();
  /** Kept between changes of the key set, since lists come in series. */
  #sortedKeys: readonly string[] | undefined;
  #lastRevision = 0;
  #closed = false;

  constructor(
    clock: Clock,
    budget: ByteBudget,
    onHandlerError: ((error: unknown) => void) | undefined,
    faults?: MemoryFaults,
  ) {
    this.#budget = budget;
    this.#faults = faults;
    this.#feed = new RecordFeed(watchScheduler(faults, clock), onHandlerError);
  }

  async get(key: string): Promise<StoredRecord | undefined> {
    this.#checkOpen();
    checkStoreName("key", key);
    const found = this.#records.get(key);
    return found === undefined ? undefined : { value: found.value.slice(), revision: found.revision };
  }

  async put(key: string, value: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    this.#checkOpen();
    checkRecord(key, value);
    const found = this.#records.get(key);
    const current = found?.revision ?? "absent";
    if (this.#refuses(options.ifRevision, current)) return { ok: false, conflict: current };
    this.#budget.take(value.byteLength + entryOverheadBytes);
    if (found === undefined) this.#sortedKeys = undefined;
    else this.#budget.giveBack(found.value.byteLength + entryOverheadBytes);
    const stored = { value: value.slice(), revision: this.#nextRevision() };
    this.#records.set(key, stored);
    this.#feed.changed({ key, ...stored });
    return { ok: true, revision: stored.revision };
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<DeleteResult> {
    this.#checkOpen();
    checkStoreName("key", key);
    const found = this.#records.get(key);
    const current = found?.revision ?? "absent";
    if (this.#refuses(options.ifRevision, current)) return { ok: false, conflict: current };
    if (found === undefined) return { ok: true };
    this.#budget.giveBack(found.value.byteLength + entryOverheadBytes);
    this.#records.delete(key);
    this.#sortedKeys = undefined;
    this.#feed.changed({ key, revision: this.#nextRevision(), value: undefined });
    return { ok: true };
  }

  async list(prefix: string, options: ListOptions = {}): Promise<RecordPage> {
    this.#checkOpen();
    const { limit, after } = checkPage(prefix, options, maxRecordPage);
    return this.#page(prefix, after, limit);
  }

  async watch(prefix: string, onChange: (change: RecordChange) => void, options: WatchOptions = {}): Promise<void> {
    this.#checkOpen();
    await this.#feed.watch(prefix, onChange, options, (after) => this.#page(prefix, after, maxRecordPage).records);
  }

  close(): void {
    this.#closed = true;
    this.#feed.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  #refuses(wanted: number | "absent" | undefined, current: number | "absent"): boolean {
    if (wanted === undefined) return false;
    if (wanted !== "absent") checkWhole("expected revision", wanted, 1);
    return wanted !== current || refusesAnyway(this.#faults);
  }

  #nextRevision(): number {
    this.#lastRevision += nextStep(this.#faults);
    return this.#lastRevision;
  }

  #page(prefix: string, after: string, limit: number): RecordPage {
    this.#sortedKeys ??= [...this.#records.keys()].sort();
    const { names, complete } = pageOfNames(this.#sortedKeys, prefix, after, limit);
    const records: ListedRecord[] = [];
    let bytes = 0;
    for (const key of names) {
      const found = this.#records.get(key);
      if (found === undefined) continue;
      bytes += found.value.byteLength;
      if (records.length > 0 && bytes > maxRecordPageBytes) return { records, complete: false };
      records.push({ key, value: found.value.slice(), revision: found.revision });
    }
    return { records, complete };
  }
}
