/**
 * Who has what of a durable stream, and what may go: an envelope leaves the outbox when a device of the recipient has
 * acknowledged it and, for a person with several devices, each of them has acknowledged it or it is in the mailbox, from
 * where the others take it. `stored` alone never ends custody.
 */
import type { OutboundStream } from "@parley/core";

import type { Takers } from "./takers.ts";

export interface CustodyOptions {
  readonly stream: OutboundStream;
  readonly takers: Takers;
  /** Everything up to here is in the mailbox, and has not expired there. */
  readonly keptUpTo: () => number;
}

export class Custody {
  readonly #options: CustodyOptions;
  /** Highest number that each device acknowledged in this life of the process. */
  readonly #acked = new Map<string, number>();
  /** Ranges that nobody needs whatever is acknowledged, in order, from the lowest that is not settled. */
  #letGo: { readonly from: number; readonly to: number }[] = [];

  constructor(options: CustodyOptions) {
    this.#options = options;
  }

  /** Takes an acknowledgement; gives the range that is new by it. */
  acknowledge(device: string, seq: number): { readonly from: number; readonly to: number } | undefined {
    const { stream } = this.#options;
    const to = Math.min(seq, stream.sentUpTo);
    const before = this.#acked.get(device) ?? 0;
    if (to <= before) return undefined;
    this.#acked.set(device, to);
    return { from: Math.max(before + 1, stream.base), to };
  }

  /** Everything up to here needs no answer of a device any more. */
  answeredUpTo(device: string): number {
    return Math.max(this.#acked.get(device) ?? 0, this.#options.stream.base - 1);
  }

  /** Whether a device is known to have all that will not come to it from here. */
  isInStep(device: string): boolean {
    const { stream, takers } = this.#options;
    return !takers.share || (this.#acked.get(device) ?? 0) >= stream.base - 1;
  }

  /** The lowest number that a device may still need from a link: what others have is no reason to skip it. */
  baseFor(device: string): number {
    const { stream, takers } = this.#options;
    return takers.share ? Math.min((this.#acked.get(device) ?? 0) + 1, stream.base) : stream.base;
  }

  /** Nobody needs these from here: they ended, or the recipient's other devices will not take them. */
  letGo(from: number, to: number): void {
    const { base } = this.#options.stream;
    const ranges = [...this.#letGo.filter((range) => range.to >= base), { from, to }].toSorted(
      (a, b) => a.from - b.from,
    );
    this.#letGo = ranges.reduce<typeof ranges>((joined, range) => {
      const last = joined.at(-1);
      if (last === undefined || range.from > last.to + 1) return [...joined, range];
      return [...joined.slice(0, -1), { from: last.from, to: Math.max(last.to, range.to) }];
    }, []);
  }

  /** Nobody needs anything up to here from this device any more. */
  get endsAt(): number {
    let upTo = Math.max(this.#takenUpTo, this.#options.stream.base - 1);
    for (const { from, to } of this.#letGo) if (from <= upTo + 1) upTo = Math.max(upTo, to);
    return upTo;
  }

  /** What its devices have, or will find in the mailbox. */
  get #takenUpTo(): number {
    const { takers, keptUpTo } = this.#options;
    if (takers.areNone) return this.#options.stream.nextSeq - 1;
    const listed = takers.ofPerson;
    let upTo = 0;
    // What only a device has that its person took off the list, the others still need.
    for (const [device, acked] of this.#acked) if (listed?.has(device) !== false) upTo = Math.max(upTo, acked);
    if (listed === undefined || !takers.share || !takers.allows("mailbox")) return upTo;
    const byAll = Math.min(...[...listed].map((device) => this.#acked.get(device) ?? 0));
    return Math.max(byAll, this.#wholeUpTo(Math.min(upTo, keptUpTo())));
  }

  /** The last number up to this one that ends a body. */
  #wholeUpTo(seq: number): number {
    let upTo = seq;
    while (this.#options.stream.at(upTo)?.more === true) upTo--;
    return upTo;
  }
}
