/**
 * Receiving half of a stream: puts envelopes in order, drops what came before, holds what came early within bounds.
 * What is handed on is acknowledged only when its owner says so: at once for `live`, after the commit for `durable`.
 */
import { type DataSection, type Envelope, limits } from "@parley/protocol";

/** An envelope with its number. */
export interface NumberedEnvelope {
  readonly seq: number;
  readonly envelope: Envelope;
}

export interface InboundStreamOptions {
  /** Highest number taken in an earlier life; 0 for none. */
  readonly received?: number;
  readonly mostHeld?: number;
  readonly mostHeldBytes?: number;
}

export class InboundStream {
  readonly #mostHeld: number;
  readonly #mostHeldBytes: number;
  readonly #held = new Map<number, Envelope>();
  #heldBytes = 0;
  #received: number;

  constructor(options: InboundStreamOptions = {}) {
    this.#received = options.received ?? 0;
    this.#mostHeld = options.mostHeld ?? limits.reorderEnvelopes;
    this.#mostHeldBytes = options.mostHeldBytes ?? limits.reorderBytes;
  }

  /** Everything up to here was handed on, in order. */
  get received(): number {
    return this.#received;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /**
   * Takes a data section; returns what is now in order, oldest first. Envelopes below what was received are dropped;
   * those beyond a hole are held, copied, while the bounds allow, and dropped after that: they come again.
   */
  receive(section: DataSection): readonly NumberedEnvelope[] {
    this.#settleBelow(section.base);
    const ready: NumberedEnvelope[] = [];
    if (section.firstSeq > this.#received + 1) this.#hold(section);
    else this.#take(section, ready);
    if (this.#held.size > 0) this.#release(ready);
    return ready;
  }

  /** What is missing will not come any more: goes on with what is held. Returns it, oldest first; nothing when nothing is held. */
  skipHole(): readonly NumberedEnvelope[] {
    if (this.#held.size === 0) return [];
    this.#received = Math.min(...this.#held.keys()) - 1;
    const ready: NumberedEnvelope[] = [];
    this.#release(ready);
    return ready;
  }

  #take(section: DataSection, ready: NumberedEnvelope[]): void {
    for (let index = this.#received + 1 - section.firstSeq; index < section.envelopes.length; index++) {
      const envelope = section.envelopes[index];
      if (envelope === undefined) break;
      this.#received++;
      const held = this.#held.get(this.#received);
      if (held !== undefined) this.#drop(this.#received);
      ready.push({ seq: this.#received, envelope: held === undefined ? envelope : withMark(envelope, held) });
    }
  }

  /** What the sender calls settled will never come: an earlier life of this side took it. */
  #settleBelow(base: number): void {
    if (base - 1 <= this.#received) return;
    this.#received = base - 1;
    for (const seq of this.#held.keys()) if (seq < base) this.#drop(seq);
  }

  /** Nothing beyond the first for which there is no room is held, but what is held takes the marks of all copies. */
  #hold(section: DataSection): void {
    let isFull = false;
    for (const [index, envelope] of section.envelopes.entries()) {
      const seq = section.firstSeq + index;
      const held = this.#held.get(seq);
      if (held !== undefined) {
        this.#held.set(seq, withMark(held, envelope));
        continue;
      }
      isFull ||= this.#held.size >= this.#mostHeld || this.#heldBytes + envelope.body.length > this.#mostHeldBytes;
      if (isFull) continue;
      this.#held.set(seq, { ...envelope, body: envelope.body.slice(), trace: envelope.trace?.slice() });
      this.#heldBytes += envelope.body.length;
    }
  }

  #release(ready: NumberedEnvelope[]): void {
    for (
      let envelope = this.#held.get(this.#received + 1);
      envelope !== undefined;
      envelope = this.#held.get(this.#received + 1)
    ) {
      this.#received++;
      this.#drop(this.#received);
      ready.push({ seq: this.#received, envelope });
    }
  }

  #drop(seq: number): void {
    this.#heldBytes -= this.#held.get(seq)?.body.length ?? 0;
    this.#held.delete(seq);
  }
}

/** One of two copies: what either says of an earlier delivery holds for both. */
function withMark(envelope: Envelope, copy: Envelope): Envelope {
  return copy.redelivered === true ? { ...envelope, redelivered: true } : envelope;
}
