import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";

import { sessionPath, sessionProtocol } from "@parley/protocol";

/**
 * A WebSocket written by hand (RFC 6455 section 5), for what a proper one never does: it answers no ping, and it can
 * stop reading.
 */
export class RawWebSocket {
  readonly #socket: Socket;
  readonly #texts: string[] = [];
  readonly #binaries: Uint8Array[] = [];
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  readonly closed: Promise<unknown>;

  private constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.closed = once(socket, "close");
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    this.#take(head);
  }

  static async open(origin: string): Promise<RawWebSocket> {
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64"),
      "sec-websocket-protocol": sessionProtocol,
    };
    const asked = request(`${origin}${sessionPath}`, { headers }).end();
    const [, socket, head] = (await once(asked, "upgrade")) as [unknown, Socket, Buffer];
    return new RawWebSocket(socket, head);
  }

  /** The next text message. */
  nextText(): Promise<string> {
    return this.#next(this.#texts);
  }

  /** The next binary message. */
  nextBytes(): Promise<Uint8Array> {
    return this.#next(this.#binaries);
  }

  async #next<Item>(items: Item[]): Promise<Item> {
    for (;;) {
      const item = items.shift();
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  sendText(text: string): void {
    const payload = Buffer.from(text);
    const head = Buffer.alloc(8);
    head[0] = 0x81;
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
    // A mask of zeros is a mask (section 5.3): the payload stays as it is.
    this.#socket.write(Buffer.concat([head, payload]));
  }

  stopReading(): void {
    this.#socket.pause();
  }

  goOnReading(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (let frame = this.#nextFrame(); frame !== undefined; frame = this.#nextFrame()) {
      if (frame.opcode === 1) this.#texts.push(frame.payload.toString());
      else if (frame.opcode === 2) this.#binaries.push(frame.payload);
      this.#wake();
    }
  }

  #nextFrame(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const short = (bytes[1] ?? 0) & 0x7f;
    const start = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length < start) return undefined;
    const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
    if (bytes.length < start + length) return undefined;
    this.#received = bytes.subarray(start + length);
    return { opcode: (bytes[0] ?? 0) & 0x0f, payload: bytes.subarray(start, start + length) };
  }
}
