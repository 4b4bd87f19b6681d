/**
 * Hands committed messages to the program: one at a time per sender, in order, a few of each sender in memory and the
 * rest on disk, however slow the handler is.
 */
import type { InboxEntry, Journal, PendingEntry } from "@parley/core";
import { type ErrorCode, toParleyError } from "@parley/protocol";

import type { WriteAgain } from "./write-again.ts";

/** A committed message on its way to the handler. */
export type Waiting = InboxEntry & {
  /** A handler left before it had it, in this life of the process. */
  readonly left?: true;
};

/** Why a message was set aside. */
export interface Failure {
  readonly code: ErrorCode;
  readonly reason: string;
}

export interface InboxLanesOptions {
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly now: () => number;
  /**
   * Hands one committed message to the program; resolves when the handler returned, with `gone` when the handler left
   * before it had the message, which stays for the next one, and with a failure when no handler could have it.
   */
  readonly handle: (entry: Waiting) => Promise<"gone" | Failure | void>;
  /** Whether the program is ready for a message: undefined when it is, false when the message stays where it is. */
  readonly mayHand?: (entry: Waiting) => Promise<boolean> | undefined;
  /** A message came to its end here. */
  readonly onEnd: (entry: Waiting, state: "handled" | "dead-lettered") => void;
  readonly onError: (error: unknown) => void;
}

interface Lane {
  waiting: Waiting[];
  running: boolean;
  /** More than what waits in memory is on disk, after it. */
  hasMore: boolean;
  /** Offers so far: tells a reader of the disk whether something came meanwhile. */
  offers: number;
  /** Highest number that was handed out, by stream: what the disk still shows because its end is being written. */
  readonly handed: Map<string, number>;
  /** Ends that are being written. */
  ending: number;
  /** Bytes of what waits in memory. */
  bytes: number;
  /** What of it is on disk may be another instance's by now. */
  isUncertain: boolean;
}

/** Messages and bytes of one sender in memory. */
const mostWaiting = 4096;
const mostWaitingBytes = 4 * 1024 * 1024;
/** Messages read from disk at once. */
const pageEntries = 256;
/** Times that a message is handed out over the lives of the process before it is set aside: it may be what ends them. */
const mostAttempts = 3;
/** Streams of one sender whose newest number is remembered while its lane is busy. */
const mostStreams = 64;

export class InboxLanes {
  readonly #options: InboxLanesOptions;
  readonly #lanes = new Map<string, Lane>();
  #reading = false;
  #wasRead = false;

  constructor(options: InboxLanesOptions) {
    this.#options = options;
  }

  /** Somebody listens from now on: what an earlier life of the process left is handed out first. */
  read(): void {
    this.#reading = true;
    if (this.#wasRead) for (const sender of this.#lanes.keys()) void this.#run(sender);
    else this.#readLeft().catch(this.#options.onError);
  }

  /** What the program was not ready for it may be ready for now. */
  goOn(): void {
    if (this.#reading && this.#wasRead) for (const sender of this.#lanes.keys()) void this.#run(sender);
  }

  /** Nobody listens any more: what comes, and what was not handed out yet, stays in the inbox. */
  pause(): void {
    this.#reading = false;
  }

  /** Another instance takes the messages from now on, and may be given what waits here too: it is handed out flagged. */
  handOver(): void {
    for (const lane of this.#lanes.values()) {
      lane.waiting = lane.waiting.map((entry) => ({ ...entry, redelivered: true, left: true }));
      lane.isUncertain = lane.hasMore;
    }
  }

  /** A message that was committed just now. */
  offer(entry: Waiting): void {
    const lane = this.#lane(entry.sender);
    lane.offers++;
    if (lane.hasMore || lane.waiting.length >= mostWaiting || lane.bytes >= mostWaitingBytes) lane.hasMore = true;
    else this.#push(lane, entry);
    void this.#run(entry.sender);
  }

  /** A message that was set aside is pending again. */
  again(entry: PendingEntry): void {
    const lane = this.#lane(entry.sender);
    // Nothing but this one: others of its stream may have been handed out while the disk shows them still.
    if (this.#wasRead && lane.waiting.length < mostWaiting && lane.bytes < mostWaitingBytes) this.#push(lane, entry);
    else {
      lane.handed.delete(streamOf(entry));
      lane.hasMore = true;
      lane.offers++;
    }
    void this.#run(entry.sender);
  }

  async #readLeft(): Promise<void> {
    this.#wasRead = true;
    for (const sender of await this.#options.journal.pendingSenders()) {
      const lane = this.#lane(sender);
      // What came since the start is on disk behind it, and is read from there in its turn.
      lane.waiting = [];
      lane.bytes = 0;
      lane.hasMore = true;
    }
    for (const sender of this.#lanes.keys()) void this.#run(sender);
  }

  #lane(sender: string): Lane {
    const known = this.#lanes.get(sender);
    if (known !== undefined) return known;
    const lane: Lane = {
      waiting: [],
      bytes: 0,
      running: false,
      hasMore: !this.#wasRead,
      isUncertain: false,
      offers: 0,
      ending: 0,
      handed: new Map(),
    };
    this.#lanes.set(sender, lane);
    return lane;
  }

  #push(lane: Lane, entry: Waiting): void {
    lane.waiting.push(entry);
    lane.bytes += entry.envelope.body.length;
  }

  /** Hands out what a sender's lane holds, one after the other, while somebody listens. */
  async #run(sender: string): Promise<void> {
    const lane = this.#lane(sender);
    if (lane.running || !this.#wasRead) return;
    lane.running = true;
    try {
      while (this.#reading) {
        // What is offered while the disk is read finds the lane running: it is looked for once more.
        if (lane.waiting.length === 0) await this.#fromDisk(sender, lane);
        const next = lane.waiting[0];
        // Let go of while the disk was read: it is there still.
        if (next === undefined || !this.#reading) break;
        const ready = this.#options.mayHand?.(next);
        if (ready !== undefined && !(await ready)) break;
        if (!this.#reading) break;
        if (await this.#handle(next, lane)) {
          lane.waiting.shift();
          lane.bytes -= next.envelope.body.length;
        } else lane.waiting[0] = { ...next, redelivered: true, left: true };
      }
    } catch (error) {
      lane.hasMore = true;
      this.#options.onError(error);
    } finally {
      lane.running = false;
    }
    this.#letGo(sender, lane);
  }

  /** A lane knows what it handed out until all of that is on disk. */
  #letGo(sender: string, lane: Lane): void {
    if (lane.waiting.length === 0 && !lane.hasMore && !lane.running && lane.ending === 0) this.#lanes.delete(sender);
  }

  /** Reads what of a sender is on disk only, as far as the first page that holds something new. */
  async #fromDisk(sender: string, lane: Lane): Promise<void> {
    let after = 0;
    while (lane.hasMore) {
      const { offers } = lane;
      const page = await this.#options.journal.pendingInbox({ sender, after, limit: pageEntries });
      for (const entry of page)
        if (entry.seq > (lane.handed.get(streamOf(entry)) ?? 0))
          this.#push(
            lane,
            lane.isUncertain && !entry.redelivered ? { ...entry, redelivered: true, left: true } : entry,
          );
      if (lane.waiting.length > 0) break;
      // What was handed out already is still being settled: what is new lies behind it.
      after = page.at(-1)?.place ?? 0;
      if (page.length > 0 || offers !== lane.offers) continue;
      lane.hasMore = false;
      lane.isUncertain = false;
    }
  }

  /** False when the handler left before it had the message. */
  async #handle(entry: Waiting, lane: Lane): Promise<boolean> {
    const { journal, handle, onError } = this.#options;
    let failure: Failure | undefined;
    if (entry.redelivered && entry.left !== true && (await journal.noteAttempt(entry)) > mostAttempts)
      failure = { code: "timeout", reason: "It was handed out in several starts and none came to its end." };
    else {
      try {
        const outcome = await handle(entry);
        if (outcome === "gone") return false;
        failure = outcome ?? undefined;
      } catch (error) {
        onError(error);
        failure = { code: toParleyError(error).code, reason: "The handler threw." };
      }
    }
    this.#end(entry, lane, failure);
    return true;
  }

  #end(entry: Waiting, lane: Lane, failure: Failure | undefined): void {
    const { journal, writes, now, onEnd } = this.#options;
    const state = failure === undefined ? ("handled" as const) : ("dead-lettered" as const);
    const key = streamOf(entry);
    if (lane.handed.size >= mostStreams && !lane.handed.has(key))
      lane.handed.delete(lane.handed.keys().next().value ?? "");
    lane.handed.set(key, Math.max(entry.seq, lane.handed.get(key) ?? 0));
    const fact = { state, at: now(), ...failure };
    // Not awaited, so that the settlements of many messages share one commit.
    lane.ending++;
    writes.run(
      () => journal.settleInbox(entry, fact),
      () => {
        lane.ending--;
        this.#letGo(entry.sender, lane);
      },
    );
    onEnd(entry, state);
  }
}

function streamOf({ device, epoch }: { device: string; epoch: string }): string {
  return `${device}:${epoch}`;
}
