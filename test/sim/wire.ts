/** One direction of a connection: keeps order, never loses a piece of what it does not lose whole. */
import type { Life, Scheduler } from "./scheduler.ts";

interface Item {
  readonly bytes: number;
  readonly kind: string;
  readonly deliver: () => void;
}

export interface WireOptions {
  readonly scheduler: Scheduler;
  /** The life that what arrives is handed to. */
  readonly to: Life;
  /** Milliseconds that the next piece takes. */
  readonly delay: () => number;
  /** Whether the network lets nothing pass at the moment. */
  readonly isCut: () => boolean;
}

/** Bytes that the network takes at once; what is above waits in the sender's buffer. */
const windowBytes = 16_384;

export class Wire {
  readonly #options: WireOptions;
  #items: Item[] = [];
  #bytes = 0;
  #moving = false;
  #ended = false;
  /** The receiver does not read. */
  #paused = false;
  /** The network holds everything back until it says otherwise. */
  stalled = false;
  #onDrained: (() => void)[] = [];
  #wasFull = false;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Bytes that have not left yet. */
  get bufferedBytes(): number {
    return this.#bytes > windowBytes ? this.#bytes - windowBytes : 0;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  send(kind: string, bytes: number, deliver: () => void): void {
    if (this.#ended) return;
    this.#items.push({ kind, bytes, deliver });
    this.#bytes += bytes;
    if (this.#bytes > windowBytes) this.#wasFull = true;
    this.#move();
  }

  onceDrained(run: () => void): void {
    this.#onDrained.push(run);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#move();
  }

  /** Something about the network has changed. */
  look(): void {
    this.#move();
  }

  /** Whatever is still under way is gone. */
  end(): void {
    this.#ended = true;
    this.#items = [];
    this.#onDrained = [];
    this.#bytes = 0;
  }

  #move(): void {
    const first = this.#items[0];
    if (this.#moving || this.#ended || this.#paused || this.stalled || first === undefined || this.#options.isCut())
      return;
    this.#moving = true;
    const { scheduler, to, delay } = this.#options;
    scheduler.in(delay(), to, first.kind, () => {
      this.#moving = false;
      if (this.#ended || this.#paused || this.stalled || this.#options.isCut()) return;
      this.#items.shift();
      this.#bytes -= first.bytes;
      first.deliver();
      this.#drain();
      this.#move();
    });
  }

  #drain(): void {
    if (!this.#wasFull || this.#bytes > windowBytes) return;
    this.#wasFull = false;
    for (const run of this.#onDrained.splice(0)) run();
  }
}
