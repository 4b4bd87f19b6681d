import type { InboundCursor, InboundStreamId } from "@parley/core";
import { maxEpochsPerDevice } from "@parley/core";
import { limits } from "@parley/protocol";

import type { Companion } from "./commits.ts";
import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import { numbersOf } from "./outbound-streams.ts";
import type { InboundStreamRow } from "./rows.ts";
import type { Tally } from "./tally.ts";

const keyOf = ({ sender, device, epoch }: InboundStreamId): string => JSON.stringify([sender, device, epoch]);

/** The cursors of inbound streams: in memory in order of the last commit, written at most once per commit. */
export class InboundStreams implements Companion {
  readonly #tally: Tally;
  readonly #rows = new Map<string, InboundStreamRow>();
  readonly #changed = new Set<InboundStreamRow>();

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  cursors(): readonly InboundCursor[] {
    return [...this.#rows.values()].map(({ sender, device, epoch, seq }) => ({ sender, device, epoch, seq }));
  }

  cursor(stream: InboundStreamId): number {
    return this.#rows.get(keyOf(stream))?.seq ?? 0;
  }

  /** The stream's row; also of a forgotten one. */
  async find(transaction: Transaction, stream: InboundStreamId): Promise<InboundStreamRow | undefined> {
    const known = this.#rows.get(keyOf(stream));
    if (known !== undefined) return known;
    const { sender, device, epoch } = stream;
    return done<InboundStreamRow | undefined>(
      transaction.store("inbound").index("stream").get([sender, device, epoch]),
    );
  }

  /** The stream's row, made without a cursor if need be. */
  async findOrMake(transaction: Transaction, stream: InboundStreamId): Promise<InboundStreamRow> {
    const known = await this.find(transaction, stream);
    if (known !== undefined) return known;
    const { sender, device, epoch } = stream;
    const row = { id: this.#tally.next("stream"), sender, device, epoch, seq: 0, touched: 0 };
    transaction.put("inbound", row);
    return row;
  }

  /** Moves the cursor and gives the stream's number. The stream idle longest gives way to a new one. */
  async move(transaction: Transaction, stream: InboundStreamId, seq: number): Promise<number> {
    const key = keyOf(stream);
    const isKnown = this.#rows.has(key);
    const row = await this.findOrMake(transaction, stream);
    row.seq = seq;
    row.touched = this.#tally.next("touch");
    this.#rows.delete(key);
    this.#rows.set(key, row);
    this.#changed.add(row);
    if (!isKnown) await this.#makeRoom(transaction, stream);
    return row.id;
  }

  async forget(transaction: Transaction, stream: InboundStreamId): Promise<void> {
    const row = this.#rows.get(keyOf(stream));
    if (row === undefined) return;
    this.#rows.delete(keyOf(stream));
    this.#changed.delete(row);
    transaction.put("inbound", { ...row, seq: 0 });
    await this.release(transaction, row.id);
  }

  /** Removes a forgotten stream of which no entry is kept. */
  async release(transaction: Transaction, id: number): Promise<void> {
    const row = await transaction.get<InboundStreamRow>("inbound", id);
    if (row === undefined || this.#rows.has(keyOf(row))) return;
    const left = await done(transaction.store("entries").index("stream").count(numbersOf(0, id)));
    if (left === 0) transaction.delete("inbound", id);
  }

  save(transaction: Transaction): void {
    for (const row of this.#changed) transaction.put("inbound", row);
    this.#changed.clear();
  }

  async reset(transaction: Transaction): Promise<void> {
    this.#rows.clear();
    this.#changed.clear();
    const rows = await transaction.all<InboundStreamRow>("inbound");
    const live = rows.filter(({ seq }) => seq > 0).sort((left, right) => left.touched - right.touched);
    for (const row of live) this.#rows.set(keyOf(row), row);
  }

  /** Only one row was added, so at most one goes. */
  async #makeRoom(transaction: Transaction, { sender, device }: InboundStreamId): Promise<void> {
    const own = [...this.#rows.values()].filter((row) => row.sender === sender && row.device === device);
    const [oldestOwn] = own;
    const [oldest] = this.#rows.values();
    if (own.length > maxEpochsPerDevice && oldestOwn !== undefined) await this.forget(transaction, oldestOwn);
    else if (this.#rows.size > limits.inboundStreams && oldest !== undefined) await this.forget(transaction, oldest);
  }
}
