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

/** A range that was vouched for, with when that was and by which way it went. */
interface Said extends Range {
  at: number;
  link: Source["link"];
  /** The start of the device that was connected. */
  boot: string | undefined;
}

/** How far one state of one stream is. */
interface Progress {
  /** Not vouched for yet. */
  open: Range | undefined;
  /** The newest numbers that were vouched for, without a hole between them. */
  said: Said | undefined;
  /** Monotonic time before which nothing is signed. */
  notBefore: number;
  isScheduled: boolean;
}

/** Pause between two receipts of one state of one stream. */
const pauseMs = 200;
/** Numbers that are vouched for once more at most, and ranges at a time. */
const mostAgain = 1024;
const mostRangesAgain = 64;

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
      if (open !== undefined) this.#say(progress, open);
      progress.open = { source, epoch, state, from, to };
    }
    this.#schedule(progress);
  }

  /** What went by relay may be lost with the earlier session. */
  onSession(): void {
    for (const { said } of this.#progress.values())
      if (said !== undefined && said.link === undefined) said.boot = undefined;
  }

  /**
   * Vouches once more for the newest range of each state where the way to its source is another one since: it may be
   * lost with the earlier way, and nobody acknowledges a receipt. Called regularly.
   */
  look(): void {
    let left = mostRangesAgain;
    for (const { said } of this.#progress.values()) {
      if (said === undefined || !moved(said)) continue;
      if (said.link === undefined && said.boot === undefined) continue;
      this.#sign(said, said.at);
      left--;
      if (left === 0) return;
    }
  }

  /** Signs what waits for its pause, and resolves when all that was signed is handed over. */
  async flush(): Promise<void> {
    for (const progress of this.#progress.values()) {
      const { open } = progress;
      progress.open = undefined;
      if (open !== undefined) this.#say(progress, open);
    }
    await Promise.all(this.#signing);
  }

  #of(key: string): Progress {
    const known = this.#progress.get(key);
    if (known !== undefined) return known;
    if (this.#progress.size >= limits.inboundStreams) this.#progress.delete(this.#progress.keys().next().value ?? "");
    const progress: Progress = { open: undefined, said: undefined, notBefore: 0, isScheduled: false };
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
      this.#say(progress, open);
    };
    const wait = progress.notBefore - clock.monotonic();
    if (wait <= 0) clock.soon(run);
    else clock.setTimer(wait, run);
  }

  #say(progress: Progress, range: Range): void {
    const at = this.#options.clock.now();
    this.#sign(range, at);
    const joined = progress.said?.to === range.from - 1 ? progress.said.from : range.from;
    const from = Math.max(joined, range.to - mostAgain + 1);
    progress.said = { ...range, from, at, ...wayTo(range.source) };
  }

  #sign({ source, epoch, state, from, to }: Range, at: number): void {
    const { mesh, member, device, onError } = this.#options;
    const receipt: Receipt = { epoch, state, from, to, at };
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

/** The way to a source: its link, or the relay to the start that is connected. */
function wayTo({ link, connected, boot }: Source): Pick<Said, "link" | "boot"> {
  return { link, boot: link === undefined && connected ? boot : undefined };
}

/** Notes the way as it is now; true when it is another one. */
function moved(said: Said): boolean {
  const { link, boot } = wayTo(said.source);
  if (link === said.link && boot === said.boot) return false;
  said.link = link;
  said.boot = boot;
  return true;
}
