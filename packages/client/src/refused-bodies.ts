/**
 * What this device refused for good of the streams that it reads. An acknowledgement covers it, and alone would pass for
 * a delivery: so the refusal is written down, and said again as often as its sender sends the body again.
 */
import type { InboundStreamId, Journal } from "@parley/core";
import { type Envelope, envelopeId, envelopeKindOf, type ErrorCode } from "@parley/protocol";

import type { WriteAgain } from "./write-again.ts";

const finalRefusals = [
  "expired",
  "unsupported_kind",
  "too_large",
  "blocked",
  "request_pending",
  "secret_required",
  "denied_by_policy",
] as const satisfies readonly ErrorCode[];
export type FinalRefusal = (typeof finalRefusals)[number];

export interface RefusedBodiesOptions {
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly now: () => number;
}

/** Refusals of one stream in memory; older ones are looked up. */
const mostKept = 4096;

/** Whether an envelope could have been refused: others need no look. */
export function isRefusable({ ttl, kind }: Envelope): boolean {
  return ttl > 0 || envelopeKindOf(kind) === undefined;
}

/** Refusals of one stream. */
export class RefusedBodies {
  readonly #options: RefusedBodiesOptions;
  readonly #stream: InboundStreamId;
  readonly #codes = new Map<number, FinalRefusal>();

  constructor(options: RefusedBodiesOptions, stream: InboundStreamId) {
    this.#options = options;
    this.#stream = stream;
  }

  /** Remembers a refusal of this life of the process. */
  add(seq: number, code: FinalRefusal): void {
    if (this.#codes.size >= mostKept) this.#codes.delete(this.#codes.keys().next().value ?? 0);
    this.#codes.set(seq, code);
  }

  /** Writes the end of a body down that was committed with the others. False when it was not refused. */
  settle(seq: number): boolean {
    const code = this.#codes.get(seq);
    if (code === undefined) return false;
    const { journal, writes, now } = this.#options;
    writes.run(() => journal.settleInbox({ ...this.#stream, seq }, { state: "refused", at: now(), code }));
    return true;
  }

  /** Looks a body up that is sent again: an earlier life may have refused it. */
  async recall(seq: number, envelope: Envelope): Promise<void> {
    if (this.#codes.has(seq)) return;
    const { origin } = envelope;
    const id = envelopeId(origin?.epoch ?? this.#stream.epoch, origin?.seq ?? seq);
    const { records } = await this.#options.journal.deliveries({ id, peer: this.#stream.sender, direction: "in" });
    const end = records[0]?.facts.at(-1);
    const code = finalRefusals.find((each) => each === end?.code);
    if (end?.state === "refused" && code !== undefined) this.add(seq, code);
  }

  /** What is to be said with an acknowledgement of everything up to a number. */
  *upTo(last: number): Generator<readonly [seq: number, code: FinalRefusal]> {
    for (const refusal of this.#codes) if (refusal[0] <= last) yield refusal;
  }

  /** The sender has settled everything up to here. */
  forget(last: number): void {
    for (const seq of this.#codes.keys()) if (seq <= last) this.#codes.delete(seq);
  }
}
