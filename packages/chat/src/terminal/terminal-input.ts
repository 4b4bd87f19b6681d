import { Readable } from "node:stream";

import type { Clock, Timer } from "@parley/core";

import { type InputPart, InputScanner } from "./input-scanner.ts";

type Report = Exclude<InputPart, { type: "keys" }>;

const esc = "\u001B";

/** What is needed of `process.stdin`. */
export type RawInput = NodeJS.ReadableStream & {
  readonly isTTY?: boolean | undefined;
  setRawMode?(on: boolean): unknown;
  ref?(): unknown;
  unref?(): unknown;
};

/** A sequence that was cut in two on its way comes whole within this; Esc alone is a key after it. */
const patienceMs = 20;
/** Ink waits after an Esc, too: for 20 ms it could be the beginning of a key with Alt. */
const inkPatienceMs = 30;
/** Parts that wait for their turn; beyond, none waits. */
const mostWaiting = 1024;

/**
 * A terminal's input for Ink, without what Ink does not know: reports of the mouse, the window and the terminal go to
 * `onReport`, each after the keys before it. One chunk is one key, a run of text, or a paste.
 */
export class TerminalInput extends Readable {
  /** Ink takes raw keys only from what says that it is a terminal. */
  readonly isTTY = true;
  readonly #source: RawInput;
  readonly #scanner = new InputScanner();
  readonly #take: (chunk: string) => void;
  readonly #end = (): void => {
    for (const part of this.#waiting.splice(0)) if (part.type === "keys") this.push(part.keys);
    this.push(null);
  };
  readonly #clock: Clock;
  readonly #onReport: (part: Report) => void;
  readonly #waiting: InputPart[] = [];
  #flush: Timer | undefined;
  /** What was handed to Ink last is still to be read by it. */
  #held: Timer | undefined;

  constructor(source: RawInput, clock: Clock, onReport: (part: Report) => void) {
    // Chunks stay apart: each is a key.
    super({ objectMode: true, read: () => undefined });
    this.#source = source;
    this.#clock = clock;
    this.#onReport = onReport;
    this.#take = (chunk) => {
      this.#flush?.cancel();
      this.#hand(this.#scanner.push(chunk));
      if (this.#scanner.pending) this.#flush = clock.setTimer(patienceMs, () => this.#hand(this.#scanner.flush()));
    };
    source.setEncoding("utf8");
    source.on("data", this.#take);
    source.on("end", this.#end);
  }

  /** Ink reads keys a moment later, and an Esc later still: what comes after them waits for that. */
  #hand(parts: readonly InputPart[]): void {
    this.#waiting.push(...parts);
    while (this.#held === undefined || this.#waiting.length > mostWaiting) {
      const part = this.#waiting.shift();
      if (part === undefined) return;
      if (part.type !== "keys") this.#onReport(part);
      else {
        this.push(part.keys);
        this.#hold(part.keys === esc ? inkPatienceMs : 0);
      }
    }
  }

  #hold(ms: number): void {
    this.#held?.cancel();
    this.#held = this.#clock.setTimer(ms, () => {
      this.#held = undefined;
      this.#hand([]);
    });
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
    this.#held?.cancel();
    this.#source.off("data", this.#take);
    this.#source.off("end", this.#end);
    this.#source.pause();
  }
}
