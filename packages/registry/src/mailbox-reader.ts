import type { Log } from "@parley/core";
import { decodeRoutedFrame, encodeDelivery, limits } from "@parley/protocol";

import { keys } from "./keys.ts";

export interface MailboxReaderOptions {
  readonly log: Log;
  readonly member: string;
  /** Offset up to which the device took everything; undefined to begin where the log begins. */
  readonly cursor: number | undefined;
  readonly now: () => number;
  /** Sends one delivery. */
  readonly deliver: (bytes: Uint8Array) => void;
  /** True when the device has enough for now; then `go` is called when it can take more. */
  readonly isFull: () => boolean;
  readonly onceDrained: (go: () => void) => void;
  readonly onTrimmed: (from: number, to: number) => void;
  readonly onError: (error: unknown) => void;
}

const pageFrames = 128;

/** Pushes the mailbox of a member to one device, in order, as far ahead as its socket takes. */
export class MailboxReader {
  readonly #options: MailboxReaderOptions;
  #next: number;
  /** Offset pushed before, 0 at first: a device sees by it that nothing is missing between two deliveries. */
  #previous = 0;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(options: MailboxReaderOptions) {
    this.#options = options;
    this.#next = (options.cursor ?? 0) + 1;
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

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#pushAll();
    }
    this.#again = false;
  }

  async #pushAll(): Promise<void> {
    for (;;) {
      if (this.#options.isFull()) await new Promise<void>((resolve) => this.#options.onceDrained(resolve));
      if (this.#stopped) return;
      const page = await this.#options.log.read(keys.mailbox(this.#options.member), {
        from: this.#next,
        limit: pageFrames,
        maxBytes: limits.routedFrameBytes * 8,
      });
      if (this.#stopped) return;
      if (page.first > this.#next) this.#skip(page.first);
      for (const { offset, bytes } of page.entries) this.#push(offset, bytes);
      this.#next = Math.max(this.#next, page.next);
      if (page.complete) return;
    }
  }

  #push(offset: number, frame: Uint8Array): void {
    const decoded = decodeRoutedFrame(frame);
    const expires = decoded.ok ? decoded.value.expires : 1;
    if (expires !== 0 && expires <= this.#options.now()) return;
    this.#options.deliver(encodeDelivery({ mailbox: { offset, previous: this.#previous }, frame }));
    this.#previous = offset;
  }

  /** The log begins later than this device got: what lay between was taken by others, or lost. */
  #skip(first: number): void {
    if (this.#options.cursor !== undefined) this.#options.onTrimmed(this.#next, first - 1);
    this.#next = first;
  }
}
