/** Frames that go through the registry: sealed on the way out, opened and put in order on the way in. */
import type { FrameOpener, FrameSealer } from "@parley/core";
import type { OpenedFrame, SealTo } from "@parley/core";
import { decodeDelivery, type ErrorCode, type FrameResult, ParleyError, toParleyError } from "@parley/protocol";

import type { MailboxAcks, MailboxFrame } from "./mailbox-acks.ts";
import type { Session } from "./session.ts";
import type { Traffic } from "./traffic.ts";

/** Opened frames of one delivery, with its place in the mailbox. */
export interface RelayedFrame extends OpenedFrame {
  readonly mailbox: MailboxFrame["place"] | undefined;
}

export interface RelayOptions {
  readonly session: Pick<Session, "sendFrame">;
  readonly sealer: Pick<FrameSealer, "seal">;
  readonly opener: Pick<FrameOpener, "open">;
  readonly acks: MailboxAcks;
  readonly traffic: Traffic;
  /** Whether this very device sent a frame of the mailbox: for the others of its member, and nothing to it. */
  readonly isOwn: (frame: Uint8Array) => boolean;
  /** Handles a frame. A mailbox frame is acknowledged once the promise resolves. */
  readonly onFrame: (frame: RelayedFrame) => Promise<void> | void;
  readonly onRefused: (error: ParleyError) => void;
}

/** Another instance, or this device's next start, takes it: no news for anybody. */
const othersTurn: readonly ErrorCode[] = ["not_holder", "closed"];

export class Relay {
  readonly #options: RelayOptions;
  /** Opening runs in parallel, handling begins in order of arrival. */
  #inOrder: Promise<void> = Promise.resolve();
  #leaving: Promise<void> = Promise.resolve();
  /** Frames being sealed and sent, or opened. */
  #inHand = 0;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Seals and sends one frame; frames leave in the order of the calls. Rejects when there is no session. */
  async send(frame: Uint8Array, to: SealTo): Promise<FrameResult> {
    this.#options.traffic.sent(to.store ? "mailbox" : "relay", frame.length);
    this.#inHand++;
    const sealing = this.#options.sealer.seal(frame, to);
    const sending = this.#leaving.then(async () => {
      const { frameId, bytes } = await sealing;
      return this.#options.session.sendFrame(frameId, bytes);
    });
    const gone = (): void => void this.#inHand--;
    this.#leaving = sending.then(gone, gone);
    return (await sending).result;
  }

  /** Frames are on their way in or out. */
  get isBusy(): boolean {
    return this.#inHand > 0;
  }

  /** Takes a binary message of the session. */
  receive(bytes: Uint8Array): void {
    const delivery = decodeDelivery(bytes);
    if (!delivery.ok) return this.#options.onRefused(new ParleyError(delivery.code, { message: delivery.message }));
    const { frame, mailbox } = delivery.value;
    if (mailbox === undefined) return this.#open(frame, undefined);
    const arrived = this.#options.acks.arrived(mailbox, frame);
    if (arrived === undefined) return;
    if (this.#options.isOwn(frame)) this.#options.acks.taken(arrived);
    else this.#open(frame, arrived);
  }

  /** Takes a frame of the mailbox that could not be kept before once more. */
  again(mailbox: MailboxFrame): void {
    this.#open(mailbox.bytes, mailbox);
  }

  #open(frame: Uint8Array, mailbox: MailboxFrame | undefined): void {
    const opening = this.#options.opener.open(frame);
    // Observed below; this keeps an early failure from counting as unhandled.
    opening.catch(() => {});
    this.#inHand++;
    this.#inOrder = this.#inOrder.then(async () => {
      await this.#begin(opening, mailbox);
      this.#inHand--;
    });
  }

  /** What is handled is waited for by its place in the mailbox only: the next frame may be what fills a hole before it. */
  async #begin(opening: Promise<OpenedFrame>, mailbox: MailboxFrame | undefined): Promise<void> {
    try {
      const opened = await opening;
      if (mailbox !== undefined) {
        // While it was opened another instance had its turn: it comes again, or was taken there.
        if (!this.#options.acks.isInHand(mailbox)) return;
        if (this.#options.acks.mustWait(mailbox)) return this.#options.acks.postpone(mailbox);
        this.#options.acks.begun(mailbox);
      }
      const handled = this.#options.onFrame({ ...opened, mailbox: mailbox?.place });
      if (mailbox === undefined) {
        if (handled !== undefined) handled.catch((error: unknown) => this.#options.onRefused(toParleyError(error)));
      } else if (handled === undefined) this.#options.acks.taken(mailbox);
      else
        handled.then(
          () => this.#options.acks.taken(mailbox),
          (error: unknown) => this.#failed(mailbox, error),
        );
    } catch (error) {
      this.#failed(mailbox, error);
    }
  }

  #failed(mailbox: MailboxFrame | undefined, error: unknown): void {
    const refused = toParleyError(error);
    const isNews = mailbox === undefined || mailbox.tries === 0;
    if (isNews && !othersTurn.includes(refused.code)) this.#options.onRefused(refused);
    if (mailbox !== undefined) this.#options.acks.failed(mailbox, refused);
  }
}
