import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";

import { ParleyError } from "@parley/protocol";

import { localError } from "./local-error.ts";
import { cutOffMs, lineBytes, mostBufferedBytes } from "./local-lines.ts";

export interface LineHandlers {
  /** One line without its newline. Not called again after `close`. */
  readonly onLine: (line: string) => void;
  /** Once, with the reason when it is this side's. */
  readonly onClosed: (error: ParleyError | undefined) => void;
}

/** JSON lines over a socket, with bounds in both directions. */
export class LineConnection {
  readonly #socket: Socket;
  readonly #handlers: LineHandlers;
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  #error: ParleyError | undefined;
  #corked = false;
  #closed = false;
  #closing = false;

  constructor(socket: Socket, handlers: LineHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.on("data", (chunk: Buffer) => this.#take(this.#decoder.write(chunk)));
    // A reset is as good as an end here: `close` follows.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#closed = true;
      handlers.onClosed(this.#error);
    });
  }

  get isClosed(): boolean {
    return this.#closed || this.#closing || this.#socket.destroyed;
  }

  /** Sends one value. Resolves when there is room for more; a reader that never makes room is cut off. Throws `too_large`. */
  async send(value: unknown): Promise<void> {
    const line = JSON.stringify(value);
    if (Buffer.byteLength(line) > lineBytes)
      throw new ParleyError("too_large", { message: `A line of the local socket is longer than ${lineBytes} bytes.` });
    if (this.isClosed || this.#socket.writableEnded) return;
    if (this.#socket.writableLength > mostBufferedBytes) {
      this.cutOff(new ParleyError("slow_reader", { message: "The local program does not read what it asked for." }));
      return;
    }
    this.#cork();
    if (this.#socket.write(`${line}\n`)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends what is written, and one last value if there is one, and closes. Lines that came meanwhile are dropped. */
  close(last?: unknown): void {
    if (this.isClosed) return;
    this.#closing = true;
    this.#rest = "";
    this.#socket.end(last === undefined ? "" : `${JSON.stringify(last)}\n`);
    // The other side may never close its half.
    this.#socket.destroySoon();
  }

  /** Takes and sends nothing more, and says why, which a slow reader may still read for a moment. */
  cutOff(error: ParleyError): void {
    if (this.isClosed) return;
    this.#error ??= error;
    const timer = setTimeout(() => this.#socket.destroy(), cutOffMs);
    this.#socket.once("close", () => clearTimeout(timer));
    this.close({ error: localError(error) });
  }

  /** Closes at once, for a reason. */
  fail(error: ParleyError): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  /** What is said in one turn of the event loop goes out in one write, and wakes the other process once. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    setImmediate(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  #take(text: string): void {
    this.#rest += text;
    for (let end = this.#rest.indexOf("\n"); end >= 0; end = this.#rest.indexOf("\n")) {
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 1);
      if (this.isClosed) return;
      if (Buffer.byteLength(line) > lineBytes) return this.#refuseLine();
      if (line.trim() !== "") this.#handlers.onLine(line);
    }
    // Counted in UTF-16 units, which are never more than the bytes.
    if (this.#rest.length > lineBytes) this.#refuseLine();
  }

  #refuseLine(): void {
    const error = new ParleyError("too_large", {
      message: `A line of the local socket is longer than ${lineBytes} bytes.`,
    });
    this.#error = error;
    this.close({ error: localError(error) });
  }
}
