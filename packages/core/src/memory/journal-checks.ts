import type { Envelope } from "@parley/protocol";
import { limits, ParleyError } from "@parley/protocol";

import { checkSize, checkText, checkWhole } from "../ports/arguments.ts";
import type { InboundStreamId, JournalBounds, OutboxEntry, ReceivedEntry } from "../ports/journal.ts";
import { maxJournalStateBytes, maxJournalTextLength } from "../ports/journal.ts";

const checkId = (what: string, text: string): void => checkText(what, text, maxJournalTextLength);

const traceBytes = 25;

function checkEnvelope({ body, trace, origin }: Envelope): void {
  checkSize("envelope", body, limits.envelopeBytes);
  if (trace !== undefined) checkSize("trace context", trace, traceBytes);
  if (origin !== undefined) checkId("origin epoch", origin.epoch);
}

export function checkOutboxEntry(entry: OutboxEntry): void {
  checkId("recipient", entry.recipient);
  checkWhole("sequence number", entry.seq, 1);
  checkEnvelope(entry.envelope);
}

export function checkInboundStream(stream: InboundStreamId): void {
  checkId("sender", stream.sender);
  checkId("device", stream.device);
  checkId("epoch", stream.epoch);
}

/** The entries of one commit are in ascending order and none is beyond the cursor that goes with them. */
export function checkInboxCommit(stream: InboundStreamId, seq: number, entries: readonly ReceivedEntry[]): void {
  checkInboundStream(stream);
  checkWhole("cursor", seq, 1);
  let previous = 0;
  for (const entry of entries) {
    checkWhole("sequence number", entry.seq, previous + 1);
    checkEnvelope(entry.envelope);
    previous = entry.seq;
  }
  if (previous > seq) throw new ParleyError("invalid_argument", { message: "An entry is beyond the cursor." });
}

export function checkStateKey(key: string): void {
  checkId("state key", key);
}

export function checkState(key: string, value: Uint8Array | undefined): void {
  checkStateKey(key);
  if (value !== undefined) checkSize("state", value, maxJournalStateBytes);
}

/** What one direction of a journal holds, counted against its bounds. */
export class Holdings {
  readonly #what: string;
  readonly #bounds: JournalBounds;
  #entries: number;
  #bytes: number;

  constructor(what: string, bounds: JournalBounds, entries = 0, bytes = 0) {
    this.#what = what;
    this.#bounds = bounds;
    this.#entries = entries;
    this.#bytes = bytes;
  }

  /** Throws `limit_reached` if as much does not fit; counts nothing yet. */
  checkRoom(entries: number, bytes: number): void {
    const { maxEntries, maxBytes } = this.#bounds;
    if (this.#entries + entries <= maxEntries && this.#bytes + bytes <= maxBytes) return;
    throw new ParleyError("limit_reached", {
      message: `The ${this.#what} is full: ${this.#entries} entries, ${this.#bytes} bytes.`,
      data: { maxEntries, maxBytes },
    });
  }

  /** Counts what came, or with negative numbers what went. */
  add(entries: number, bytes: number): void {
    this.#entries += entries;
    this.#bytes += bytes;
  }

  /** Sets the counts, after a commit that failed. */
  reset(entries: number, bytes: number): void {
    this.#entries = entries;
    this.#bytes = bytes;
  }
}
