import { ParleyError } from "@parley/protocol";

import { checkAppend, checkPage, checkRead, checkWhole } from "../ports/arguments.ts";
import type { Clock, Random } from "../ports/clock.ts";
import { makeEpoch } from "../ports/epoch.ts";
import type {
  AppendOptions,
  AppendResult,
  Log,
  LogBounds,
  LogEntry,
  LogPage,
  NamePage,
  NamePageOptions,
  ReadOptions,
} from "../ports/log.ts";
import { logDedupeWindowMs, maxLogDedupeKeys, maxNamePage } from "../ports/log.ts";
import { checkStoreName } from "../ports/store-name.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { entryOverheadBytes } from "./byte-budget.ts";
import type { MemoryFaults } from "./faults.ts";
import { nextStep, refusesAnyway } from "./faults.ts";
import { pageOfNames } from "./name-page.ts";

interface Stream {
  first: number;
  last: number;
  entries: LogEntry[];
}

interface SeenKey {
  readonly offset: number;
  readonly at: number;
}

const neverWritten: Readonly<Stream> = { first: 1, last: 0, entries: [] };

/** The Log in memory. Offsets are given over all streams, as on JetStream, so those of one stream have holes. */
export class MemoryLog implements Log {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #budget: ByteBudget;
  readonly #faults: MemoryFaults | undefined;
  readonly #streams = new Map<string, Stream>();
  /** In order of age, so that the oldest are first when pruning. */
  readonly #seen = new Map<string, SeenKey>();
  #epoch: string;
  #lastOffset = 0;
  #closed = false;

  constructor(clock: Clock, random: Random, budget: ByteBudget, faults?: MemoryFaults) {
    this.#clock = clock;
    this.#random = random;
    this.#budget = budget;
    this.#faults = faults;
    this.#epoch = makeEpoch(random);
  }

  async append(stream: string, entry: Uint8Array, options: AppendOptions = {}): Promise<AppendResult> {
    this.#checkOpen();
    checkAppend(stream, entry, options);
    const seenKey = options.dedupeKey === undefined ? undefined : `${stream} ${options.dedupeKey}`;
    this.#forgetOldKeys();
    const seen = seenKey === undefined ? undefined : this.#seen.get(seenKey);
    if (seen !== undefined) return { offset: seen.offset, duplicate: true };
    this.#checkLast(stream, options.ifLast);
    const overhead = this.#streams.has(stream) ? entryOverheadBytes : 2 * entryOverheadBytes;
    this.#budget.take(entry.byteLength + overhead);
    this.#lastOffset += nextStep(this.#faults);
    const offset = this.#lastOffset;
    const at = this.#clock.now();
    const target = this.#streamToWrite(stream);
    target.entries.push({ offset, bytes: entry.slice(), at });
    target.last = offset;
    if (seenKey !== undefined) this.#seen.set(seenKey, { offset, at });
    return { offset, duplicate: false };
  }

  async read(stream: string, options: ReadOptions = {}): Promise<LogPage> {
    this.#checkOpen();
    const { from, limit, maxBytes } = checkRead(stream, options);
    const { entries, first, last } = this.#streams.get(stream) ?? neverWritten;
    const page: LogEntry[] = [];
    let bytes = 0;
    let complete = true;
    for (let index = firstAtOrAfter(entries, from); index < entries.length; index++) {
      const entry = entries[index];
      if (entry === undefined) break;
      bytes += entry.bytes.byteLength;
      if (page.length === limit || (page.length > 0 && bytes > maxBytes)) {
        complete = false;
        break;
      }
      page.push({ ...entry, bytes: entry.bytes.slice() });
    }
    const next = complete ? Math.max(from, last + 1) : (page.at(-1)?.offset ?? from - 1) + 1;
    return { epoch: this.#epoch, entries: page, first, last, complete, next };
  }

  async trim(stream: string, upTo: number): Promise<LogBounds> {
    this.#checkOpen();
    checkStoreName("stream", stream);
    checkWhole("trim offset", upTo, 0);
    const target = this.#streams.get(stream);
    if (target !== undefined) {
      const end = Math.min(upTo, target.last);
      this.#giveBack(target.entries.splice(0, firstAtOrAfter(target.entries, end + 1)));
      target.first = Math.max(target.first, end + 1);
    }
    return this.#boundsOf(stream);
  }

  async bounds(stream: string): Promise<LogBounds> {
    this.#checkOpen();
    checkStoreName("stream", stream);
    return this.#boundsOf(stream);
  }

  async remove(stream: string): Promise<void> {
    this.#checkOpen();
    checkStoreName("stream", stream);
    const target = this.#streams.get(stream);
    if (target === undefined) return;
    this.#giveBack(target.entries);
    this.#budget.giveBack(entryOverheadBytes);
    this.#streams.delete(stream);
  }

  async streams(prefix: string, options: NamePageOptions = {}): Promise<NamePage> {
    this.#checkOpen();
    const { limit, after } = checkPage(prefix, options, maxNamePage);
    return pageOfNames([...this.#streams.keys()].sort(), prefix, after, limit);
  }

  async newEpoch(): Promise<string> {
    this.#checkOpen();
    this.#epoch = makeEpoch(this.#random);
    return this.#epoch;
  }

  close(): void {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  #checkLast(stream: string, ifLast: number | undefined): void {
    if (ifLast === undefined) return;
    const last = this.#streams.get(stream)?.last ?? 0;
    if (last !== ifLast || refusesAnyway(this.#faults)) throw new ParleyError("conflict", { data: { last } });
  }

  #streamToWrite(name: string): Stream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const made: Stream = { first: 1, last: 0, entries: [] };
    this.#streams.set(name, made);
    return made;
  }

  #boundsOf(stream: string): LogBounds {
    const { first, last } = this.#streams.get(stream) ?? neverWritten;
    return { epoch: this.#epoch, first, last };
  }

  #giveBack(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#budget.giveBack(entry.bytes.byteLength + entryOverheadBytes);
  }

  #forgetOldKeys(): void {
    const oldest = this.#clock.now() - logDedupeWindowMs;
    for (const [key, seen] of this.#seen) {
      if (seen.at >= oldest && this.#seen.size <= maxLogDedupeKeys) return;
      this.#seen.delete(key);
    }
  }
}

/** Index of the first entry whose offset is at least `offset`; the length if there is none. */
function firstAtOrAfter(entries: readonly LogEntry[], offset: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
