import { maxDeliveryPageBytes } from "../ports/journal-history.ts";
import type { InboundPlace, PendingQuery } from "../ports/journal.ts";
import type { Holdings } from "./journal-checks.ts";

/** A received entry that is pending, without what it carries. */
export interface PendingReceived extends InboundPlace {
  readonly place: number;
  readonly bytes: number;
  attempts: number;
  /** Facts were noted of it while it was pending. */
  isNoted: boolean;
}

const keyOf = ({ device, epoch, seq }: InboundPlace): string => `${seq} ${epoch} ${device}`;

/** What is pending in an inbox, in memory beside the rows of an adapter. */
export class InboxLedger {
  readonly #holdings: Holdings;
  /** Per sender, by stream and number; in commit order but for what was opened again. */
  readonly #senders = new Map<string, Map<string, PendingReceived>>();

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  clear(): void {
    this.#senders.clear();
    this.#holdings.reset(0, 0);
  }

  add(entry: PendingReceived): void {
    const entries = this.#senders.get(entry.sender) ?? new Map<string, PendingReceived>();
    entries.set(keyOf(entry), entry);
    this.#senders.set(entry.sender, entries);
    this.#holdings.add(1, entry.bytes);
  }

  find(entry: InboundPlace): PendingReceived | undefined {
    return this.#senders.get(entry.sender)?.get(keyOf(entry));
  }

  /** Takes one entry out; undefined if it is not pending. */
  remove(entry: InboundPlace): PendingReceived | undefined {
    const entries = this.#senders.get(entry.sender);
    const found = entries?.get(keyOf(entry));
    if (entries === undefined || found === undefined) return undefined;
    entries.delete(keyOf(entry));
    if (entries.size === 0) this.#senders.delete(entry.sender);
    this.#holdings.add(-1, -found.bytes);
    return found;
  }

  /** In the order of the first place of each. */
  senders(): readonly string[] {
    const firsts = [...this.#senders].map(([sender, entries]) => ({ sender, place: lowestPlace(entries.values()) }));
    return firsts.sort((left, right) => left.place - right.place).map(({ sender }) => sender);
  }

  /** The lowest place of all; undefined when nothing is pending. */
  lowestPlace(): number | undefined {
    const lowest = Math.min(...[...this.#senders.values()].map((entries) => lowestPlace(entries.values())));
    return lowest === Infinity ? undefined : lowest;
  }

  /** What a query asks for, ascending. With a limit, an answer ends when it holds `maxDeliveryPageBytes`. */
  page({ sender, after = 0, limit }: PendingQuery): readonly PendingReceived[] {
    const found: PendingReceived[] = [];
    for (const [name, entries] of this.#senders) {
      if (sender !== undefined && name !== sender) continue;
      for (const entry of entries.values()) if (entry.place > after) found.push(entry);
    }
    found.sort((left, right) => left.place - right.place);
    return limit === undefined ? found : withinBytes(found.slice(0, limit));
  }
}

function withinBytes(entries: readonly PendingReceived[]): readonly PendingReceived[] {
  let bytes = 0;
  const end = entries.findIndex((entry) => {
    const isOver = bytes >= maxDeliveryPageBytes;
    bytes += entry.bytes;
    return isOver;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

function lowestPlace(entries: Iterable<PendingReceived>): number {
  let lowest = Infinity;
  for (const { place } of entries) lowest = Math.min(lowest, place);
  return lowest;
}
