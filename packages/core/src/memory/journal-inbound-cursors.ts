import { limits, ParleyError } from "@parley/protocol";

import type { InboundCursor, InboundStreamId } from "../ports/journal.ts";
import { maxEpochsPerDevice } from "../ports/journal.ts";

/** An adapter's row of an inbound stream. */
export interface InboundRow extends InboundStreamId {
  /** 0: forgotten, but an entry is still kept of it. */
  seq: number;
}

const keyOf = ({ sender, device, epoch }: InboundStreamId): string => JSON.stringify([sender, device, epoch]);

/** The cursors of inbound streams, in memory beside the rows of an adapter, which saves the rows that changed. */
export class InboundCursors<Row extends InboundRow> {
  /** In order of the last commit, so that the idle ones are first. */
  readonly #rows = new Map<string, Row>();
  readonly #changed = new Set<Row>();

  clear(): void {
    this.#rows.clear();
    this.#changed.clear();
  }

  /** Takes a row, in the order of the last commits. */
  restore(row: Row): void {
    this.#rows.set(keyOf(row), row);
  }

  all(): readonly InboundCursor[] {
    return [...this.#rows.values()].map(({ sender, device, epoch, seq }) => ({ sender, device, epoch, seq }));
  }

  find(stream: InboundStreamId): Row | undefined {
    return this.#rows.get(keyOf(stream));
  }

  /** Throws `conflict` if a commit of these numbers is not beyond the cursor. */
  check(stream: InboundStreamId, seq: number, first = seq): void {
    const cursor = this.find(stream)?.seq ?? 0;
    if (Math.min(seq, first) <= cursor) throw new ParleyError("conflict", { data: { cursor } });
  }

  /** Moves a row's cursor, which may be a new one's. Gives the row idle longest if it has to give way, and is to be removed. */
  move(row: Row, seq: number): Row | undefined {
    const key = keyOf(row);
    row.seq = seq;
    const isKnown = this.#rows.delete(key);
    this.#rows.set(key, row);
    this.#changed.add(row);
    return isKnown ? undefined : this.#idleBeside(row);
  }

  /** Takes a row out; undefined if there is none. */
  remove(stream: InboundStreamId): Row | undefined {
    const row = this.find(stream);
    if (row === undefined) return undefined;
    this.#rows.delete(keyOf(stream));
    this.#changed.delete(row);
    return row;
  }

  /** Rows to be saved, once. */
  takeChanged(): readonly Row[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  /** Only the new row's own device can be over its share, and by one. */
  #idleBeside({ sender, device }: InboundStreamId): Row | undefined {
    const own = [...this.#rows.values()].filter((row) => row.sender === sender && row.device === device);
    if (own.length > maxEpochsPerDevice) return own[0];
    const [oldest] = this.#rows.values();
    return this.#rows.size > limits.inboundStreams ? oldest : undefined;
  }
}
