/** Frames that go through the registry: sealed on the way out, opened and put in order on the way in. */
import { FrameOpener, FrameSealer, type OpenedFrame, type SealTo } from "@parley/core";
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
}

export class Relay {
  readonly #options: RelayOptions;
  /** Opening runs in parallel, handling in order of arrival. */
  #inOrder: Promise<void> = Promise.resolve();
  #ackTo = 0;
  #acked = 0;
  #acking = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Seals and sends one frame. Rejects when there is no session. */
  async send(frame: Uint8Array, to: SealTo): Promise<FrameResult> {
    const sealed = await this.#options.sealer.seal(frame, to);
    return this.#options.session.sendFrame(sealed.frameId, sealed.bytes);
  }

  /** Takes a binary message of the session. */
  receive(bytes: Uint8Array): void {
    const delivery = decodeDelivery(bytes);
    if (!delivery.ok) return this.#options.onRefused(new ParleyError(delivery.code, { message: delivery.message }));
    const { frame, mailbox } = delivery.value;
    const opening = this.#options.opener.open(frame);
    // Observed below; this keeps an early failure from counting as unhandled.
    opening.catch(() => {});
    this.#inOrder = this.#inOrder.then(() => this.#handle(opening, mailbox));
  }

  async #handle(opening: Promise<OpenedFrame>, mailbox: RelayedFrame["mailbox"]): Promise<void> {
    try {
      const handled = this.#options.onFrame({ ...(await opening), mailbox });
      // What comes by relay waits only for its order, not for the disk.
      if (mailbox !== undefined) await handled;
    } catch (error) {
      const refused = toParleyError(error);
      this.#options.onRefused(refused);
      // What may succeed later stays in the mailbox; what never can is taken out.
      if (refused.retryable) return;
    }
    if (mailbox !== undefined) this.#acknowledge(mailbox.offset);
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
