/**
 * Receipts of what this device reads: for each stream and state one signature over a range, at most a few a second,
 * however many messages pass.
 */
import { type Clock, type Signer, signReceipt } from "@parley/core";
import { limits, type Receipt, type ReceiptState } from "@parley/protocol";

import type { Source } from "./inbox.ts";

export interface ReceiptWriterOptions {
  readonly mesh: string;
  readonly member: string;
  readonly device: Signer;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

interface Range {
  readonly source: Source;
  readonly epoch: string;
  readonly state: ReceiptState;
  from: number;
  to: number;
}

/** How far one state of one stream is. */
interface Progress {
  /** Not vouched for yet. */
  open: Range | undefined;
  /** Monotonic time before which nothing is signed. */
  notBefore: number;
  isScheduled: boolean;
}

/** Pause between two receipts of one state of one stream. */
const pauseMs = 200;

export class ReceiptWriter {
  readonly #options: ReceiptWriterOptions;
  readonly #progress = new Map<string, Progress>();
  readonly #signing = new Set<Promise<void>>();

  constructor(options: ReceiptWriterOptions) {
    this.#options = options;
  }

  /** These numbers, each of which this device had itself, came to a state. */
  note(source: Source, epoch: string, state: ReceiptState, from: number, to = from): void {
    const progress = this.#of(`${source.device}:${epoch}:${state}`);
    const { open } = progress;
    if (open !== undefined && from === open.to + 1) open.to = to;
    else {
      // Nothing is vouched for that lies between two ranges: another instance may have had it, or nobody.
      if (open !== undefined) this.#sign(open);
      progress.open = { source, epoch, state, from, to };
    }
    this.#schedule(progress);
  }

  /** Signs what waits for its pause, and resolves when all that was signed is handed over. */
  async flush(): Promise<void> {
    for (const progress of this.#progress.values()) {
      const { open } = progress;
      progress.open = undefined;
      if (open !== undefined) this.#sign(open);
    }
    await Promise.all(this.#signing);
  }

  #of(key: string): Progress {
    const known = this.#progress.get(key);
    if (known !== undefined) return known;
    if (this.#progress.size >= limits.inboundStreams) this.#progress.delete(this.#progress.keys().next().value ?? "");
    const progress: Progress = { open: undefined, notBefore: 0, isScheduled: false };
    this.#progress.set(key, progress);
    return progress;
  }

  #schedule(progress: Progress): void {
    if (progress.isScheduled) return;
    progress.isScheduled = true;
    const { clock } = this.#options;
    const run = (): void => {
      progress.isScheduled = false;
      const { open } = progress;
      if (open === undefined) return;
      progress.open = undefined;
      progress.notBefore = clock.monotonic() + pauseMs;
      this.#sign(open);
    };
    const wait = progress.notBefore - clock.monotonic();
    if (wait <= 0) clock.soon(run);
    else clock.setTimer(wait, run);
  }

  #sign({ source, epoch, state, from, to }: Range): void {
    const { mesh, member, device, clock, onError } = this.#options;
    const receipt: Receipt = { epoch, state, from, to, at: clock.now() };
    const parties = {
      mesh,
      sender: source.member.member,
      senderDevice: source.device,
      recipient: member,
      device: device.id,
    };
    const signing = signReceipt(device, parties, receipt).then(
      (signature) => source.vouch({ ...receipt, signature }),
      onError,
    );
    this.#signing.add(signing);
    void signing.finally(() => this.#signing.delete(signing));
  }
}
