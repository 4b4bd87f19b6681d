/**
 * What this device has to say about the streams of another one, until a frame takes it along: how far it is, what it
 * refused, what it vouches for.
 */
import type { AckSection, FrameWriter, ReceiptSection, RefusalSection } from "@parley/protocol";

/** Streams whose acknowledgement waits. What is dropped is said again when the other side sends again. */
const mostAcks = 256;
/** A refusal that is dropped leaves its sender with the word that it was delivered: many more wait than fit one frame. */
const mostRefusals = 4096;
/** Receipts are evidence, and the newest say the most. */
const mostReceipts = 256;

export class PendingAnswers {
  readonly #acks = new Map<string, AckSection>();
  #refusals: RefusalSection[] = [];
  readonly #receipts: Omit<ReceiptSection, "type">[] = [];

  /** Acknowledgements wait, which their sender needs to go on. */
  get hasAcks(): boolean {
    return this.#acks.size > 0;
  }

  acknowledge(ack: AckSection): void {
    const key = `${ack.class}:${ack.epoch}`;
    if (this.#acks.size >= mostAcks && !this.#acks.has(key)) this.#acks.delete(this.#acks.keys().next().value ?? "");
    this.#acks.set(key, ack);
  }

  refuse(refusal: RefusalSection): void {
    if (this.#refusals.length < mostRefusals) this.#refusals.push(refusal);
  }

  vouch(receipt: Omit<ReceiptSection, "type">): void {
    if (this.#receipts.length >= mostReceipts) this.#receipts.shift();
    this.#receipts.push(receipt);
  }

  /** The other side started anew: its live streams are gone. */
  forgetLive(): void {
    this.#refusals = this.#refusals.filter((refusal) => refusal.class === "durable");
    for (const [key, ack] of this.#acks) if (ack.class === "live") this.#acks.delete(key);
  }

  /**
   * Writes as much as fits. Refusals go first: the acknowledgement that covers them would say that they were taken.
   * `durableOnly` for a device that is away, whose outbox waits for them.
   */
  write(out: FrameWriter, durableOnly = false): void {
    this.#refusals = this.#refusals.filter((refusal) => {
      if (!out.hasRoom || (durableOnly && refusal.class === "live")) return true;
      out.refusal(refusal);
      return false;
    });
    for (const [key, ack] of this.#acks) {
      if (!out.hasRoom) return;
      if (durableOnly && ack.class === "live") continue;
      out.ack(ack);
      this.#acks.delete(key);
    }
    while (out.hasRoom) {
      const receipt = this.#receipts.shift();
      if (receipt === undefined) return;
      out.receipt(receipt);
    }
  }
}
