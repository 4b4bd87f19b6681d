import { ParleyError } from "@parley/protocol";

import type { InboundPlace } from "../ports/journal.ts";
import { MemoryEntry, type MemoryEntryOptions } from "./journal-entry.ts";
import type { Holdings } from "./journal-holdings.ts";

const keyOf = ({ sender, device, epoch, seq }: InboundPlace): string => JSON.stringify([sender, device, epoch, seq]);

/** The entries of a memory journal, pending and history, and the trimming of history. */
export class MemoryEntries {
  readonly #history: Holdings;
  /** By place, ascending. */
  readonly #entries = new Map<number, MemoryEntry>();
  /** What was sent, by row of the ledger and number. */
  readonly #bySeq = new Map<number, Map<number, MemoryEntry>>();
  /** What was received, by stream and number. */
  readonly #byPlace = new Map<string, MemoryEntry>();
  #lastPlace = 0;

  constructor(history: Holdings) {
    this.#history = history;
  }

  nextPlace(): number {
    return ++this.#lastPlace;
  }

  all(): IterableIterator<MemoryEntry> {
    return this.#entries.values();
  }

  find(place: number): MemoryEntry | undefined {
    return this.#entries.get(place);
  }

  /** One that must be there. */
  at(place: number): MemoryEntry {
    const entry = this.#entries.get(place);
    if (entry === undefined) throw new ParleyError("internal");
    return entry;
  }

  received(place: InboundPlace): MemoryEntry | undefined {
    return this.#byPlace.get(keyOf(place));
  }

  sentOf(row: number): ReadonlyMap<number, MemoryEntry> {
    return this.#bySeq.get(row) ?? new Map();
  }

  add(options: MemoryEntryOptions): MemoryEntry {
    const entry = new MemoryEntry(options);
    this.#entries.set(entry.place, entry);
    if (entry.direction === "in") this.#byPlace.set(keyOf(entry.inboundPlace), entry);
    return entry;
  }

  keepSent(entry: MemoryEntry, row: number): void {
    const bySeq = this.#bySeq.get(row) ?? new Map<number, MemoryEntry>();
    this.#bySeq.set(row, bySeq.set(entry.seq, entry));
    entry.row = row;
  }

  forgetSent({ row, seq }: MemoryEntry): void {
    const bySeq = this.#bySeq.get(row);
    bySeq?.delete(seq);
    if (bySeq?.size === 0) this.#bySeq.delete(row);
  }

  /** A pending entry is history now. */
  end(entry: MemoryEntry): void {
    entry.pending = false;
    this.count(entry);
  }

  /** Counts an entry of history. */
  count({ bytes }: MemoryEntry): void {
    this.#history.add(1, bytes);
  }

  /** An entry of history is pending again. */
  reopen(entry: MemoryEntry): void {
    this.#history.add(-1, -entry.bytes);
    entry.reopen();
  }

  /** The oldest history goes, whole bodies at a time. */
  trim(): void {
    if (!this.#history.isOver) return;
    for (const entry of this.#entries.values()) {
      if (entry.pending || entry.end !== undefined) continue;
      this.remove(entry);
      if (!this.#history.isOver) return;
    }
  }

  /** Removes a whole body of history. */
  remove(entry: MemoryEntry): void {
    for (const gone of [...entry.parts, entry]) {
      if (!this.#entries.delete(gone.place)) continue;
      this.#history.add(-1, -gone.bytes);
      if (gone.direction === "in") this.#byPlace.delete(keyOf(gone.inboundPlace));
      else this.forgetSent(gone);
    }
  }
}
