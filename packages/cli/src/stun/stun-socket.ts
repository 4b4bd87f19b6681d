/** A UDP socket that asks STUN servers and waits for their answers (RFC 8489 section 6.2.1). */
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

import { decodeStun, encodeStun, type Endpoint, type StunMessage } from "./stun-message.ts";

/** An answer, and where it came from. */
export interface StunAnswer {
  readonly message: StunMessage;
  readonly bytes: Buffer;
  readonly from: Endpoint;
  /** Milliseconds since the request was first sent. */
  readonly tookMs: number;
}

export interface StunRequest {
  readonly type: number;
  readonly attributes?: ReadonlyMap<number, Buffer>;
  readonly key?: Buffer;
  /** 12 bytes, where an attribute depends on them. Default: random. */
  readonly transaction?: Buffer;
}

/** When a request is sent again, in milliseconds, and when it is given up. */
const repeatMs = [150, 450, 1050] as const;
export const stunGiveUpMs = 1800;

export class StunSocket implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (answer: Omit<StunAnswer, "tookMs"> | undefined) => void>();
  #onIndication: ((message: StunMessage, from: Endpoint) => void) | undefined;
  #failed: string | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", (error: NodeJS.ErrnoException) => (this.#failed = error.code ?? error.message));
    socket.on("message", (bytes, { address, port }) => this.#take(bytes, { address, port }));
  }

  /** Opens a socket on a free port of `address`, by default of any address of the family. Rejects when that fails. */
  static async open(family: 4 | 6, address?: string): Promise<StunSocket> {
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    socket.bind(0, address);
    await once(socket, "listening");
    return new StunSocket(socket);
  }

  get local(): Endpoint {
    const { address, port } = this.#socket.address();
    return { address, port };
  }

  /** Last error that the system reported, for example `ENETUNREACH`. */
  get failed(): string | undefined {
    return this.#failed;
  }

  /** What comes without having been asked for, such as TURN's Data indications. */
  set onIndication(take: (message: StunMessage, from: Endpoint) => void) {
    this.#onIndication = take;
  }

  /** Sends a request, again and again, until its answer comes from wherever; undefined when none does. */
  ask(to: Endpoint, request: StunRequest): Promise<StunAnswer | undefined> {
    const { attributes = new Map(), key, type, transaction = randomBytes(12) } = request;
    const bytes = encodeStun({ type, transaction, attributes }, key);
    const name = transaction.toString("hex");
    const started = performance.now();
    return new Promise((resolve) => {
      const timers = [
        ...repeatMs.map((after) => setTimeout(() => this.send(to, bytes), after)),
        setTimeout(() => finish(undefined), stunGiveUpMs),
      ];
      const finish = (answer: Omit<StunAnswer, "tookMs"> | undefined): void => {
        for (const timer of timers) clearTimeout(timer);
        this.#waiting.delete(name);
        resolve(answer === undefined ? undefined : { ...answer, tookMs: performance.now() - started });
      };
      this.#waiting.set(name, finish);
      this.send(to, bytes);
    });
  }

  /** Sends bytes as they are. */
  send({ address, port }: Endpoint, bytes: Buffer): void {
    this.#socket.send(bytes, port, address, (error: NodeJS.ErrnoException | null) => {
      if (error !== null) this.#failed = error.code ?? error.message;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const finish of this.#waiting.values()) finish(undefined);
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  #take(bytes: Buffer, from: Endpoint): void {
    const message = decodeStun(bytes);
    if (message === undefined) return;
    const waiting = this.#waiting.get(message.transaction.toString("hex"));
    if (waiting === undefined) this.#onIndication?.(message, from);
    else waiting({ message, bytes, from });
  }
}
