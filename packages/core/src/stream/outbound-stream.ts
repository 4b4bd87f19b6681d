/**
 * Sending half of a stream: numbers envelopes, keeps them until they are acknowledged, and sends all of them again,
 * same numbers, when the path changes. What goes several ways at once has a position for each. No I/O and no clock:
 * whoever owns it moves frames.
 */
import { type DeliveryClass, type Envelope, type FrameWriter, limits } from "@parley/protocol";

/** How far one way of a stream is: everything below `next` was sent on it, or needs no sending. */
export interface StreamPosition {
  next: number;
}

export interface OutboundStreamOptions {
  readonly class: DeliveryClass;
  /** 16 bytes in base64url, new for each life of the numbering. */
  readonly epoch: string;
  /** Next number; 1 for a new epoch. */
  readonly nextSeq?: number;
  /** Bounds on what is sent and not acknowledged. Default: `limits`. */
  readonly mostEnvelopes?: number;
  readonly mostBytes?: number;
}

export class OutboundStream {
  readonly class: DeliveryClass;
  readonly epoch: string;
  readonly #mostEnvelopes: number;
  readonly #mostBytes: number;
  /** Envelopes from `#base` on. Settled ones leave from the front in batches, so that taking one costs nothing. */
  #held: Envelope[] = [];
  #head = 0;
  #base: number;
  readonly #main: StreamPosition;
  /** Highest number that ever left: no higher one can be acknowledged. */
  #sent: number;
  #bytes = 0;

  constructor(options: OutboundStreamOptions) {
    this.class = options.class;
    this.epoch = options.epoch;
    this.#base = options.nextSeq ?? 1;
    this.#main = { next: this.#base };
    this.#sent = this.#base - 1;
    this.#mostEnvelopes = options.mostEnvelopes ?? limits.unackedEnvelopes;
    this.#mostBytes = options.mostBytes ?? limits.unackedBytes;
  }

  /** Lowest number that is not settled. */
  get base(): number {
    return this.#base;
  }

  get nextSeq(): number {
    return this.#base + this.#held.length - this.#head;
  }

  get unackedCount(): number {
    return this.#held.length - this.#head;
  }

  get unackedBytes(): number {
    return this.#bytes;
  }

  /** Highest number that ever left, on any way. */
  get sentUpTo(): number {
    return this.#sent;
  }

  /** Whether something waits to be sent, on the only way there is or on the one of `position`. */
  hasUnsent(position: StreamPosition = this.#main): boolean {
    return Math.max(position.next, this.#base) < this.nextSeq;
  }

  /** Whether `push` takes one more; when not, the caller waits for `onAck`. */
  get hasRoom(): boolean {
    return this.unackedCount < this.#mostEnvelopes && this.#bytes < this.#mostBytes;
  }

  /** Takes an envelope and returns its number. The owner asks `hasRoom` first. */
  push(envelope: Envelope): number {
    const seq = this.nextSeq;
    this.#held.push(envelope);
    this.#bytes += envelope.body.length;
    return seq;
  }

  /**
   * Writes as much as fits of what was not sent this way. True when something was written. `base` goes with it, the
   * lowest number that the reader may still need from here; by default the lowest that is not settled.
   */
  write(out: FrameWriter, position: StreamPosition = this.#main, base = this.#base): boolean {
    const firstSeq = Math.max(position.next, this.#base);
    if (firstSeq >= this.nextSeq) return false;
    const written = out.data(
      { class: this.class, epoch: this.epoch, base, firstSeq },
      this.#held,
      this.#head + firstSeq - this.#base,
    );
    position.next = firstSeq + written;
    if (position.next - 1 > this.#sent) this.#sent = position.next - 1;
    return written > 0;
  }

  /** The path changed: everything unacknowledged goes again. */
  rewind(): void {
    this.#main.next = this.#base;
  }

  /** Everything up to `seq` is taken by the other side. Returns how many that settled; what was never sent cannot be acknowledged. */
  acknowledge(seq: number): number {
    const upTo = Math.min(seq, this.#sent);
    const settled = upTo - this.#base + 1;
    if (settled <= 0) return 0;
    for (let index = this.#head; index < this.#head + settled; index++)
      this.#bytes -= this.#held[index]?.body.length ?? 0;
    this.#head += settled;
    this.#base += settled;
    this.#compact();
    return settled;
  }

  /** Replaces an envelope that is no longer worth sending; its number stays, so that the order has no hole. */
  replace(seq: number, envelope: Envelope): void {
    const index = this.#head + seq - this.#base;
    const before = seq >= this.#base ? this.#held[index] : undefined;
    if (before === undefined) return;
    this.#bytes += envelope.body.length - before.body.length;
    this.#held[index] = envelope;
  }

  /** The envelope with this number, while it is held. */
  at(seq: number): Envelope | undefined {
    return seq < this.#base ? undefined : this.#held[this.#head + seq - this.#base];
  }

  #compact(): void {
    if (this.#head < 1024 && this.#head < this.#held.length) return;
    this.#held = this.#held.slice(this.#head);
    this.#head = 0;
  }
}
