import type { Duplex } from "node:stream";

import type { WebSocket } from "ws";

import { Tick } from "./tick.ts";

/** The socket of a session, as the session sees it. */
export interface SessionSocket {
  readonly address: string;
  /** Bytes handed over that the network has not taken yet. */
  readonly bufferedBytes: number;
  sendText(text: string): void;
  sendBytes(bytes: Uint8Array): void;
  ping(): void;
  /** Stops and resumes reading. */
  pause(): void;
  resume(): void;
  /** Calls once when the buffer has emptied after it was full. */
  onceDrained(run: () => void): void;
  close(code: number, reason: string): void;
  /** Without a goodbye. */
  terminate(): void;
}

/** A WebSocket whose writes of one turn of the event loop leave in one piece. */
export class CoalescingSocket implements SessionSocket {
  readonly address: string;
  readonly #socket: WebSocket;
  readonly #wire: Duplex;
  readonly #uncork = new Tick(setImmediate, () => this.#flush());
  #corked = false;

  constructor(socket: WebSocket, wire: Duplex, address: string) {
    this.#socket = socket;
    this.#wire = wire;
    this.address = address;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  sendText(text: string): void {
    if (!this.#cork()) return;
    this.#socket.send(text, ignore);
  }

  sendBytes(bytes: Uint8Array): void {
    if (!this.#cork()) return;
    this.#socket.send(bytes, ignore);
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping(undefined, undefined, ignore);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  onceDrained(run: () => void): void {
    this.#wire.once("drain", run);
  }

  close(code: number, reason: string): void {
    this.#flush();
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#flush();
    this.#socket.terminate();
  }

  /** False when the socket takes nothing any more. */
  #cork(): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    if (!this.#corked) {
      this.#corked = true;
      this.#wire.cork();
      this.#uncork.schedule();
    }
    return true;
  }

  #flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#wire.uncork();
  }
}

/** A failed write shows as the socket's close. */
function ignore(): void {
  // Nothing to do.
}
