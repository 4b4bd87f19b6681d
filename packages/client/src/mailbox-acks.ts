/**
 * How far this device is with its mailbox. An acknowledgement covers everything before it, so it waits for every frame
 * that is not committed yet; what may succeed later is tried again, what never can becomes a dead letter.
 */
import { Backoff, type Clock, type Random, type Timer } from "@parley/core";
import { decodeRoutedFrame, type ErrorCode, limits, type ParleyError, toParleyError } from "@parley/protocol";

import type { Session } from "./session.ts";

/** A frame of the mailbox in the hands of this device. */
export interface MailboxFrame {
  readonly place: { readonly offset: number; readonly previous: number; readonly redelivered?: boolean };
  readonly bytes: Uint8Array;
  /** The mailbox that it is from: another one counts its places anew. */
  readonly epoch: string | undefined;
  tries: number;
}

export interface MailboxAcksOptions {
  readonly session: Pick<Session, "request">;
  readonly clock: Clock;
  readonly random: Random;
  /** Tries to take a frame once more. */
  readonly again: (frame: MailboxFrame) => void;
  /** A frame was left to another instance: unless it is pushed again, nothing from there on is acknowledged. */
  readonly onLeft: () => void;
  readonly onError: (error: unknown) => void;
}

/** Where a mailbox stands when a session begins. */
export interface MailboxState {
  readonly epoch: string;
  readonly last: number;
}

/** What a frame that cannot be taken is to others: not worth a dead letter. */
const noLetter: readonly ErrorCode[] = ["expired", "replayed", "revoked"];
/** A session that ends says again by itself what was not acknowledged. */
const endsOfSession: readonly ErrorCode[] = ["closed", "unreachable"];

/** The device that a frame says it is from; only to keep those of one device in order. */
function senderOf({ bytes }: MailboxFrame): string | undefined {
  const routed = decodeRoutedFrame(bytes);
  return routed.ok ? routed.value.fromDevice : undefined;
}

export class MailboxAcks {
  readonly #options: MailboxAcksOptions;
  readonly #backoff: Backoff;
  /** Frames that were not taken yet, by offset, ascending as they came. */
  readonly #open = new Map<number, MailboxFrame>();
  readonly #failed = new Set<MailboxFrame>();
  /** Frames that are opened once more, and are not in the hands of their streams yet. */
  readonly #retried = new Set<MailboxFrame>();
  #retry: Timer | undefined;
  #epoch: string | undefined;
  #seen = 0;
  #acked = 0;
  #acking = false;
  /** Lowest offset that came and was let go of: nothing from there on is acknowledged until it comes again. */
  #letGoAt = Infinity;

  constructor(options: MailboxAcksOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  /** Nothing that was taken waits to be acknowledged. */
  get isQuiet(): boolean {
    return !this.#acking && this.#ackTo <= this.#acked;
  }

  /** A session begins: the node hands out again what was not acknowledged. Another mailbox counts its places anew. */
  onSession({ epoch, last }: MailboxState): void {
    if (this.#epoch !== epoch || last < this.#seen) this.#reset();
    this.#epoch = epoch;
    this.#acknowledge();
  }

  #reset(): void {
    this.letGo();
    this.#seen = 0;
    this.#acked = 0;
    this.#letGoAt = Infinity;
  }

  /** Frames in hand are another instance's matter from now on, or come again. */
  letGo(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    for (const offset of this.#open.keys()) this.#letGoAt = Math.min(this.#letGoAt, offset);
    this.#open.clear();
    this.#failed.clear();
    this.#retried.clear();
  }

  stop(): void {
    this.#retry?.cancel();
    this.#failed.clear();
    this.#retried.clear();
  }

  /** A frame came; undefined when it is in hand already, or more are than the window allows. */
  arrived(place: MailboxFrame["place"], bytes: Uint8Array): MailboxFrame | undefined {
    // The node begins anew, with the first one that is not acknowledged: what was let go of comes again, and did not come yet.
    if (place.previous === 0) {
      this.#seen = Math.min(this.#seen, this.#letGoAt - 1);
      this.#letGoAt = Infinity;
    }
    if (this.#open.has(place.offset)) return undefined;
    if (this.#open.size >= limits.mailboxAheadFrames * 2) {
      this.#letGoAt = Math.min(this.#letGoAt, place.offset);
      return undefined;
    }
    const frame: MailboxFrame = { place, bytes, epoch: this.#epoch, tries: 0 };
    this.#open.set(place.offset, frame);
    this.#seen = Math.max(this.#seen, place.offset);
    return frame;
  }

  /** It was not let go of since it came. */
  isInHand(frame: MailboxFrame): boolean {
    return this.#open.get(frame.place.offset) === frame;
  }

  /** What it holds is on disk, or was before. */
  taken(frame: MailboxFrame): void {
    if (!this.isInHand(frame)) return;
    this.#open.delete(frame.place.offset);
    this.#failed.delete(frame);
    if (this.#failed.size === 0) this.#backoff.reset();
    this.#acknowledge();
  }

  /**
   * Whether one before it from the same device could not be taken yet, or is only on its way once more. What a later
   * frame of a stream says is settled may lie in the earlier one, so it must not come first.
   */
  mustWait(frame: MailboxFrame): boolean {
    if (this.#failed.size === 0 && this.#retried.size === 0) return false;
    const from = senderOf(frame);
    for (const others of [this.#failed, this.#retried])
      for (const other of others) if (other.place.offset < frame.place.offset && senderOf(other) === from) return true;
    return false;
  }

  /** Its streams have it next: what comes after it may follow. */
  begun(frame: MailboxFrame): void {
    this.#retried.delete(frame);
  }

  /** It is tried with the next of those that failed. */
  postpone(frame: MailboxFrame): void {
    this.#retried.delete(frame);
    if (this.isInHand(frame)) this.#tryLater(frame);
  }

  /** It could not be taken. */
  failed(frame: MailboxFrame, error: ParleyError): void {
    this.#retried.delete(frame);
    if (!this.isInHand(frame)) return;
    frame.tries++;
    // Another instance's from now on: its node hands it out there.
    if (error.code === "not_holder") this.#leave(frame);
    else if (error.retryable) this.#tryLater(frame);
    else void this.#refuse(frame, error.code);
  }

  #leave({ place: { offset } }: MailboxFrame): void {
    this.#open.delete(offset);
    this.#letGoAt = Math.min(this.#letGoAt, offset);
    this.#options.onLeft();
  }

  #tryLater(frame: MailboxFrame): void {
    this.#failed.add(frame);
    this.#schedule();
  }

  #schedule(): void {
    this.#retry ??= this.#options.clock.setTimer(this.#backoff.next(), () => this.#tryAgain());
  }

  #tryAgain(): void {
    this.#retry = undefined;
    const failed = [...this.#failed].toSorted((left, right) => left.place.offset - right.place.offset);
    this.#failed.clear();
    for (const frame of failed) this.#retried.add(frame);
    for (const frame of failed) this.#options.again(frame);
    this.#acknowledge();
  }

  /** The registry keeps it as a dead letter; only then it counts as taken. */
  async #refuse(frame: MailboxFrame, code: ErrorCode): Promise<void> {
    try {
      if (!noLetter.includes(code))
        await this.#options.session.request("mailbox.refuse", { offset: frame.place.offset, code });
      this.taken(frame);
    } catch (error) {
      const refused = toParleyError(error);
      this.#options.onError(refused);
      if (!this.isInHand(frame)) return;
      if (refused.code === "not_holder") this.#leave(frame);
      else if (refused.retryable) this.#tryLater(frame);
      // Gone already.
      else this.taken(frame);
    }
  }

  /** Up to here everything was taken. */
  get #ackTo(): number {
    let lowest = Math.min(this.#seen + 1, this.#letGoAt);
    for (const offset of this.#open.keys()) lowest = Math.min(lowest, offset);
    return lowest - 1;
  }

  #acknowledge(): void {
    if (this.#acking || this.#ackTo <= this.#acked) return;
    this.#acking = true;
    // What is taken in one turn is acknowledged at once.
    this.#options.clock.soon(() => void this.#sendAcks());
  }

  async #sendAcks(): Promise<void> {
    for (let offset = this.#ackTo; offset > this.#acked; offset = this.#ackTo) {
      const epoch = this.#epoch;
      try {
        await this.#options.session.request("mailbox.ack", { offset });
        if (epoch === this.#epoch) this.#acked = Math.max(this.#acked, offset);
      } catch (error) {
        // The next session hands the frames out again, and their streams drop them.
        this.#acked = 0;
        const { code, retryable } = toParleyError(error);
        if (retryable && code !== "not_holder" && !endsOfSession.includes(code)) this.#schedule();
        break;
      }
    }
    this.#acking = false;
  }
}
