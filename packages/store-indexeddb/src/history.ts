import type { Holdings } from "@parley/core";

import type { Companion } from "./commits.ts";
import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import { forgetFacts, trimSent } from "./facts.ts";
import type { InboundStreams } from "./inbound-streams.ts";
import type { OutboundStreams } from "./outbound-streams.ts";
import type { EntryRow } from "./rows.ts";
import type { Tally } from "./tally.ts";

/** Entries looked at in one go, and those that one commit removes at most. */
const batch = 256;
const mostPerCommit = 4096;

export interface HistoryParts {
  readonly tally: Tally;
  readonly outbound: OutboundStreams;
  readonly inbound: InboundStreams;
}

/** How much history there is, and its trimming: after each commit's changes, the oldest goes. */
export class History implements Companion {
  readonly #parts: HistoryParts;
  readonly #holdings: Holdings;
  /** Called when a commit left some for the next. */
  readonly #goOn: () => void;
  /** No history has a lower place. */
  #from = 0;

  constructor(parts: HistoryParts, holdings: Holdings, goOn: () => void) {
    this.#parts = parts;
    this.#holdings = holdings;
    this.#goOn = goOn;
  }

  /** Counts entries that became history, the lowest place first. */
  add(entries: number, bytes: number, lowestPlace: number): void {
    this.#holdings.add(entries, bytes);
    this.#from = Math.min(this.#from, lowestPlace);
  }

  /** Counts what is pending again. */
  subtract(bytes: number): void {
    this.#holdings.add(-1, -bytes);
  }

  isEnded(entry: EntryRow): boolean {
    return entry.outcome !== "pending" || (entry.outgoing === 1 && !this.#isUnsettled(entry));
  }

  /** Removes history, whole bodies. Gives false, and removes nothing, if one of them is pending. */
  async remove(transaction: Transaction, places: readonly number[]): Promise<boolean> {
    const entries: EntryRow[] = [];
    for (const place of new Set(places)) {
      const entry = await transaction.get<EntryRow>("entries", place);
      if (entry !== undefined) entries.push(entry);
    }
    if (!entries.every((entry) => this.isEnded(entry))) return false;
    for (const entry of entries) await this.#deleteBody(transaction, entry);
    await this.#release(transaction, entries);
    return true;
  }

  /** Removes the oldest tenth, so that a full disk takes more. False when there is none. */
  async shrink(transaction: Transaction): Promise<boolean> {
    if (this.#holdings.entries === 0) return false;
    const enough = Math.floor(this.#holdings.entries * 0.9);
    const isTooMuch = (): boolean => this.#holdings.entries > enough;
    while (isTooMuch() && (await this.#trimBatch(transaction, isTooMuch)));
    return true;
  }

  async save(transaction: Transaction): Promise<void> {
    for (let looked = 0; this.#holdings.isOver; looked += batch) {
      if (looked >= mostPerCommit) {
        this.#goOn();
        break;
      }
      if (!(await this.#trimBatch(transaction, () => this.#holdings.isOver))) break;
    }
    this.#parts.tally.set("entries", this.#holdings.entries);
    this.#parts.tally.set("bytes", this.#holdings.bytes);
  }

  async reset(): Promise<void> {
    this.#holdings.reset(this.#parts.tally.get("entries"), this.#parts.tally.get("bytes"));
    this.#from = 0;
  }

  #isUnsettled({ stream, seq }: EntryRow): boolean {
    const settled = this.#parts.outbound.ledger.settledOf(stream);
    return settled !== undefined && seq > settled;
  }

  /** Removes the oldest while there is too much. False when there is nothing more to remove. */
  async #trimBatch(transaction: Transaction, isTooMuch: () => boolean): Promise<boolean> {
    const rows = await transaction.all<EntryRow>("entries", IDBKeyRange.lowerBound(this.#from), batch);
    const gone: EntryRow[] = [];
    for (const entry of rows) {
      if (!isTooMuch()) break;
      this.#from = entry.place + 1;
      if (entry.envelope.more || !this.isEnded(entry)) continue;
      await this.#deleteBody(transaction, entry);
      gone.push(entry);
    }
    await this.#release(transaction, gone);
    return rows.length > 0;
  }

  /** An entry, and the earlier ones of its body. */
  async #deleteBody(transaction: Transaction, entry: EntryRow): Promise<void> {
    const index = transaction.store("entries").index("stream");
    this.#deleteEntry(transaction, entry);
    for (let seq = entry.seq - 1; entry.isTail; seq--) {
      const part = await done<EntryRow | undefined>(index.get([entry.outgoing, entry.stream, seq]));
      if (part?.envelope.more !== true) return;
      this.#deleteEntry(transaction, part);
    }
  }

  #deleteEntry(transaction: Transaction, { place, bytes }: EntryRow): void {
    transaction.delete("entries", place);
    transaction.delete("bodies", place);
    forgetFacts(transaction, place);
    this.#holdings.add(-1, -bytes);
  }

  /** Streams that are of no use without the entries that went. */
  async #release(transaction: Transaction, gone: readonly EntryRow[]): Promise<void> {
    const { outbound, inbound } = this.#parts;
    for (const stream of new Set(gone.filter(({ outgoing }) => outgoing === 1).map(({ stream }) => stream))) {
      await trimSent(transaction, stream);
      await outbound.release(transaction, stream);
    }
    for (const stream of new Set(gone.filter(({ outgoing }) => outgoing === 0).map(({ stream }) => stream)))
      await inbound.release(transaction, stream);
  }
}
