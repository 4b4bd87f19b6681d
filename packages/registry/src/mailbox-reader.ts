import type { Log } from "@parley/core";
import { encodeDelivery, limits, type PushBody } from "@parley/protocol";

import { keys } from "./keys.ts";
import type { MailboxGap } from "./mailbox-gaps.ts";
import { expiryOf, isOver } from "./mailboxes.ts";

/** Why frames are not there any more. */
type TrimReason = PushBody<"mailbox.trimmed">["reason"];

export interface MailboxReaderOptions {
  readonly log: Pick<Log, "read">;
  readonly member: string;
  /** Offset up to which the device took everything; undefined to begin where the log begins. */
  readonly cursor: number | undefined;
  /** What expired at the head, as it is kept for those who were away. */
  readonly gap: () => Promise<MailboxGap | undefined>;
  /** Offset up to which everything was acknowledged by now, maybe in an earlier session. */
  readonly taken: () => Promise<number>;
  /** Frames up to this offset are flagged: another device may have had them. */
  readonly uncertainTo: number;
  readonly now: () => number;
  /** Sends one delivery. */
  readonly deliver: (bytes: Uint8Array, offset: number) => void;
  /** Frames and bytes pushed and not acknowledged, at most; a single frame always goes. */
  readonly aheadFrames: number;
  readonly aheadBytes: number;
  /** True when the socket has enough for now; then `go` is called when it can take more. */
  readonly isFull: () => boolean;
  readonly onceDrained: (go: () => void) => void;
  readonly onTrimmed: (from: number, to: number, reason: TrimReason) => void;
  readonly onError: (error: unknown) => void;
}

interface Pushed {
  readonly offset: number;
  readonly bytes: number;
}

const pageFrames = 128;

/** Pushes the mailbox of a member to one device, in order, so far ahead as its credit and its socket allow. */
export class MailboxReader {
  readonly #options: MailboxReaderOptions;
  #next: number;
  /** Offset pushed before, 0 at first: a device sees by it that nothing is missing between two deliveries. */
  #previous = 0;
  /** Pushed and not acknowledged, in order. */
  #ahead: Pushed[] = [];
  #aheadBytes = 0;
  #begun = false;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(options: MailboxReaderOptions) {
    this.#options = options;
    this.#next = (options.cursor ?? 0) + 1;
  }

  /** The first frame that the device has and did not acknowledge. */
  get firstUnacknowledged(): number | undefined {
    return this.#ahead[0]?.offset;
  }

  /** Whether an acknowledgement up to this offset makes room: it covers something that was pushed, and nothing else. */
  makesRoom(offset: number): boolean {
    const first = this.#ahead[0];
    return first !== undefined && first.offset <= offset && offset <= this.#previous;
  }

  /** Says that there may be more to push. */
  kick(): void {
    this.#again = true;
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.#run()
      .catch(this.#options.onError)
      .finally(() => {
        this.#running = false;
        if (this.#again) this.kick();
      });
  }

  /** The device took everything up to an offset: it has room for more. */
  acknowledged(offset: number): void {
    const wasFull = this.#isOut;
    const left = this.#ahead.findIndex((pushed) => pushed.offset > offset);
    for (const { bytes } of this.#ahead.splice(0, left === -1 ? this.#ahead.length : left)) this.#aheadBytes -= bytes;
    if (wasFull) this.kick();
  }

  stop(): void {
    this.#stopped = true;
  }

  get #isOut(): boolean {
    const { aheadFrames, aheadBytes } = this.#options;
    return this.#ahead.length >= aheadFrames || this.#aheadBytes >= aheadBytes;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#pushAll();
    }
    this.#again = false;
  }

  async #pushAll(): Promise<void> {
    const { log, member, aheadFrames, aheadBytes, isFull, onceDrained } = this.#options;
    for (;;) {
      if (isFull()) await new Promise<void>((resolve) => onceDrained(resolve));
      if (this.#stopped || this.#isOut) return;
      const page = await log.read(keys.mailbox(member), {
        from: this.#next,
        limit: Math.min(pageFrames, aheadFrames - this.#ahead.length),
        maxBytes: Math.min(limits.routedFrameBytes * 8, aheadBytes - this.#aheadBytes),
      });
      if (this.#stopped) return;
      if (!this.#begun || page.first > this.#next) await this.#explain(page.first);
      if (this.#stopped) return;
      for (const { offset, bytes } of page.entries) this.#push(offset, bytes);
      this.#next = Math.max(this.#next, page.next);
      if (page.complete) return;
    }
  }

  #push(offset: number, frame: Uint8Array): void {
    const { now, deliver, uncertainTo, onTrimmed } = this.#options;
    if (isOver(expiryOf(frame), now())) return onTrimmed(offset, offset, "expired");
    this.#ahead.push({ offset, bytes: frame.length });
    this.#aheadBytes += frame.length;
    const mailbox = { offset, previous: this.#previous, redelivered: offset <= uncertainTo };
    this.#previous = offset;
    deliver(encodeDelivery({ mailbox, frame }), offset);
  }

  /** The log begins later than this device got: what lay between expired or was lost. Numbers between are no frames. */
  async #explain(first: number): Promise<void> {
    const { gap, taken, cursor, onTrimmed } = this.#options;
    const isStart = !this.#begun && cursor === undefined;
    this.#begun = true;
    if (first <= this.#next) return;
    const expired = await gap();
    // What was acknowledged while this was read is no gap, though it left the log.
    this.#next = Math.max(this.#next, Math.min((await taken()) + 1, first));
    if (this.#stopped) return;
    const from = Math.max(this.#next, expired?.from ?? first);
    const to = Math.min(expired?.to ?? 0, first - 1);
    if (from <= to) onTrimmed(from, to, "expired");
    // Where the log begins says nothing of what was acknowledged before.
    const lost = Math.max(this.#next, to + 1);
    if (!isStart && lost < first) onTrimmed(lost, first - 1, "lost");
    this.#next = first;
  }
}
