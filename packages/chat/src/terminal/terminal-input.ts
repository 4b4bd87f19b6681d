import { Readable } from "node:stream";

import type { Clock, Timer } from "@parley/core";

import { type InputPart, InputScanner } from "./input-scanner.ts";

/** What is needed of `process.stdin`. */
export type RawInput = NodeJS.ReadableStream & {
  readonly isTTY?: boolean | undefined;
  setRawMode?(on: boolean): unknown;
  ref?(): unknown;
  unref?(): unknown;
};

/** A sequence that was cut in two on its way comes whole within this; Esc alone is a key after it. */
const patienceMs = 20;

/**
 * A terminal's input for Ink, without what Ink does not know: reports of the mouse, the window and the terminal go to
 * `onReport`. One chunk is one key, a run of text, or a paste.
 */
export class TerminalInput extends Readable {
  /** Ink takes raw keys only from what says that it is a terminal. */
  readonly isTTY = true;
  readonly #source: RawInput;
  readonly #scanner = new InputScanner();
  readonly #take: (chunk: string) => void;
  readonly #end = (): void => void this.push(null);

  #flush: Timer | undefined;

  constructor(source: RawInput, clock: Clock, onReport: (part: Exclude<InputPart, { type: "keys" }>) => void) {
    // Chunks stay apart: each is a key.
    super({ objectMode: true, read: () => undefined });
    this.#source = source;
    const take = (parts: readonly InputPart[]): void => {
      for (const part of parts) {
        if (part.type === "keys") this.push(part.keys);
        else onReport(part);
      }
    };
    this.#take = (chunk) => {
      this.#flush?.cancel();
      take(this.#scanner.push(chunk));
      if (this.#scanner.pending) this.#flush = clock.setTimer(patienceMs, () => take(this.#scanner.flush()));
    };
    source.setEncoding("utf8");
    source.on("data", this.#take);
    source.on("end", this.#end);
  }

  /** The source decodes already. */
  override setEncoding(): this {
    return this;
  }

  setRawMode(on: boolean): this {
    this.#source.setRawMode?.(on);
    return this;
  }

  ref(): this {
    this.#source.ref?.();
    return this;
  }

  unref(): this {
    this.#source.unref?.();
    return this;
  }

  /** Lets go of the terminal's input. */
  release(): void {
    this.#flush?.cancel();
    this.#source.off("data", this.#take);
    this.#source.off("end", this.#end);
    this.#source.pause();
  }
}
