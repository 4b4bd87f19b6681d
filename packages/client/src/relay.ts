/** Frames that go through the registry: sealed on the way out, opened and put in order on the way in. */
import type { FrameOpener, FrameSealer } from "@parley/core";
import { Backoff, type Clock, type OpenedFrame, type Random, type SealTo, type Timer } from "@parley/core";
import { decodeDelivery, type FrameResult, ParleyError, toParleyError } from "@parley/protocol";

import type { Session } from "./session.ts";

/** Opened frames of one delivery, with its place in the mailbox. */
export interface RelayedFrame extends OpenedFrame {
  readonly mailbox: { readonly offset: number; readonly previous: number } | undefined;
}

export interface RelayOptions {
  readonly session: Session;
  readonly sealer: FrameSealer;
  readonly opener: FrameOpener;
  /** Handles a frame. A mailbox frame is acknowledged once the promise resolves. */
  readonly onFrame: (frame: RelayedFrame) => Promise<void> | void;
  readonly onRefused: (error: ParleyError) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** Frames of the mailbox that could not be kept and are held here to be tried again; others wait for the next session. */
const mostRetried = 256;

export class Relay {
  readonly #options: RelayOptions;
  /** Opening runs in parallel, handling in order of arrival. */
  #inOrder: Promise<void> = Promise.resolve();
  #leaving: Promise<void> = Promise.resolve();
  /** Places in the mailbox that nothing above may be acknowledged over, because what lies there was not kept yet. */
  readonly #failed = new Map<number, Uint8Array | undefined>();
  readonly #backoff: Backoff;
  #retry: Timer | undefined;
  #epoch: string | undefined;
  #handled = 0;
  #ackTo = 0;
  #acked = 0;
  #acking = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  /** Seals and sends one frame; frames leave in the order of the calls. Rejects when there is no session. */
  async send(frame: Uint8Array, to: SealTo): Promise<FrameResult> {
    const sealing = this.#options.sealer.seal(frame, to);
    const sending = this.#leaving.then(async () => {
      const { frameId, bytes } = await sealing;
      return this.#options.session.sendFrame(frameId, bytes);
    });
    this.#leaving = sending.then(
      () => undefined,
      () => undefined,
    );
    return (await sending).result;
  }

  /** Takes a binary message of the session. */
  receive(bytes: Uint8Array): void {
    const delivery = decodeDelivery(bytes);
    if (!delivery.ok) return this.#options.onRefused(new ParleyError(delivery.code, { message: delivery.message }));
    this.#take(delivery.value.frame, delivery.value.mailbox);
  }

  /** A session begins. A mailbox of another epoch counts its places anew. */
  onSession(epoch: string): void {
    const before = this.#epoch;
    this.#epoch = epoch;
    if (before === undefined || before === epoch) return;
    this.#failed.clear();
    this.#handled = 0;
    this.#ackTo = 0;
    this.#acked = 0;
  }

  /** Tries nothing again any more. */
  stop(): void {
    this.#retry?.cancel();
  }

  #take(frame: Uint8Array, mailbox: RelayedFrame["mailbox"]): void {
    const opening = this.#options.opener.open(frame);
    // Observed below; this keeps an early failure from counting as unhandled.
    opening.catch(() => {});
    const epoch = this.#epoch;
    // A place in a mailbox that is no more has nothing to acknowledge.
    this.#inOrder = this.#inOrder.then(() => this.#handle(opening, epoch === this.#epoch ? mailbox : undefined, frame));
  }

  async #handle(opening: Promise<OpenedFrame>, mailbox: RelayedFrame["mailbox"], frame: Uint8Array): Promise<void> {
    try {
      const handled = this.#options.onFrame({ ...(await opening), mailbox });
      // What comes by relay waits only for its order, not for the disk.
      if (mailbox !== undefined) await handled;
    } catch (error) {
      const refused = toParleyError(error);
      if (mailbox === undefined || !this.#failed.has(mailbox.offset)) this.#options.onRefused(refused);
      // What may succeed later stays in the mailbox and is tried again; what never can is taken out.
      if (refused.retryable) {
        if (mailbox !== undefined) this.#keep(mailbox.offset, frame);
        return;
      }
    }
    if (mailbox !== undefined) this.#done(mailbox.offset);
  }

  #keep(offset: number, frame: Uint8Array): void {
    this.#failed.set(offset, this.#failed.has(offset) || this.#failed.size < mostRetried ? frame : undefined);
    this.#retry ??= this.#options.clock.setTimer(this.#backoff.next(), () => {
      this.#retry = undefined;
      for (const [place, kept] of this.#failed)
        if (kept !== undefined) this.#take(kept, { offset: place, previous: 0 });
    });
  }

  /** An acknowledgement covers everything before it: it waits for what failed. */
  #done(offset: number): void {
    this.#failed.delete(offset);
    this.#handled = Math.max(this.#handled, offset);
    if (this.#failed.size > 0) return;
    this.#backoff.reset();
    this.#acknowledge(this.#handled);
  }

  #acknowledge(offset: number): void {
    this.#ackTo = Math.max(this.#ackTo, offset);
    if (this.#acking) return;
    this.#acking = true;
    queueMicrotask(() => void this.#sendAck());
  }

  async #sendAck(): Promise<void> {
    while (this.#acked < this.#ackTo) {
      const offset = this.#ackTo;
      try {
        await this.#options.session.request("mailbox.ack", { offset });
        this.#acked = offset;
      } catch {
        // The next session hands the frames out again, and their streams drop them.
        this.#acked = 0;
        break;
      }
    }
    this.#acking = false;
  }
}
