import { maxDeliveryPageBytes } from "../ports/journal-history.ts";
import type { InboundPlace, PendingQuery } from "../ports/journal.ts";
import type { Holdings } from "./journal-holdings.ts";

/** A received entry that is pending, without what it carries. */
export interface PendingReceived extends InboundPlace {
  readonly place: number;
  readonly bytes: number;
  attempts: number;
  /** Facts were noted of it while it was pending. */
  isNoted: boolean;
}

const keyOf = ({ device, epoch, seq }: InboundPlace): string => `${seq} ${epoch} ${device}`;

/** What is pending of one sender. */
interface Sender {
  /** By stream and number, ascending by place. */
  entries: Map<string, PendingReceived>;
  highest: number;
}

/** What is pending in an inbox, in memory beside the rows of an adapter. */
export class InboxLedger {
  readonly #holdings: Holdings;
  readonly #senders = new Map<string, Sender>();

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  clear(): void {
    this.#senders.clear();
    this.#holdings.reset(0, 0);
  }

  add(entry: PendingReceived): void {
    const sender = this.#senders.get(entry.sender) ?? { entries: new Map<string, PendingReceived>(), highest: 0 };
    sender.entries.set(keyOf(entry), entry);
    // Only what is opened again is not the newest.
    if (entry.place < sender.highest)
      sender.entries = new Map([...sender.entries].sort(([, left], [, right]) => left.place - right.place));
    else sender.highest = entry.place;
    this.#senders.set(entry.sender, sender);
    this.#holdings.add(1, entry.bytes);
  }

  find(entry: InboundPlace): PendingReceived | undefined {
    return this.#senders.get(entry.sender)?.entries.get(keyOf(entry));
  }

  /** Takes one entry out; undefined if it is not pending. */
  remove(entry: InboundPlace): PendingReceived | undefined {
    const entries = this.#senders.get(entry.sender)?.entries;
    const found = entries?.get(keyOf(entry));
    if (entries === undefined || found === undefined) return undefined;
    entries.delete(keyOf(entry));
    if (entries.size === 0) this.#senders.delete(entry.sender);
    this.#holdings.add(-1, -found.bytes);
    return found;
  }

  /** In the order of the first place of each. */
  senders(): readonly string[] {
    const firsts = [...this.#senders].map(([sender, { entries }]) => ({ sender, place: firstPlace(entries) }));
    return firsts.sort((left, right) => left.place - right.place).map(({ sender }) => sender);
  }

  /** The lowest place of all; undefined when nothing is pending. */
  lowestPlace(): number | undefined {
    let lowest = Infinity;
    for (const { entries } of this.#senders.values()) lowest = Math.min(lowest, firstPlace(entries));
    return lowest === Infinity ? undefined : lowest;
  }

  /** What a query asks for, ascending. With a limit, an answer ends when it holds `maxDeliveryPageBytes`. */
  page({ sender, after = 0, limit }: PendingQuery): readonly PendingReceived[] {
    const most = limit ?? Infinity;
    const asked = sender === undefined ? [...this.#senders.values()] : [this.#senders.get(sender)];
    const found = asked.flatMap((one) => (one === undefined ? [] : firstAfter(one.entries.values(), after, most)));
    if (asked.length > 1) found.sort((left, right) => left.place - right.place);
    return limit === undefined ? found : withinBytes(found.slice(0, limit));
  }
}

function firstAfter(entries: Iterable<PendingReceived>, place: number, most: number): readonly PendingReceived[] {
  const found: PendingReceived[] = [];
  for (const entry of entries) {
    if (entry.place <= place) continue;
    found.push(entry);
    if (found.length >= most) break;
  }
  return found;
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

function firstPlace(entries: ReadonlyMap<string, PendingReceived>): number {
  const [first] = entries.values();
  return first?.place ?? Infinity;
}
