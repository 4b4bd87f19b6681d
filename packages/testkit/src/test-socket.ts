import { sessionPath, sessionProtocol } from "@parley/protocol";

export interface SocketClose {
  readonly code: number;
  readonly reason: string;
}

/** What came over a socket, or its end. */
export type SocketEvent = { readonly text: string } | { readonly bytes: Uint8Array } | { readonly close: SocketClose };

/** A WebSocket to a registry with what came over it in order, to be awaited one by one. */
export class TestSocket {
  readonly closed: Promise<SocketClose>;
  readonly #socket: WebSocket;
  readonly #listeners = new Set<(event: SocketEvent) => void>();
  #early: SocketEvent[] | undefined = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        resolve({ code, reason });
        this.#emit({ close: { code, reason } });
      });
    });
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.#emit(typeof data === "string" ? { text: data } : { bytes: new Uint8Array(data) });
    });
  }

  /** Opens a socket. Rejects when the registry refuses the upgrade. */
  static async open(origin: string, protocol: string = sessionProtocol): Promise<TestSocket> {
    const socket = new WebSocket(`${origin.replace(/^http/, "ws")}${sessionPath}`, protocol);
    const own = new TestSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve(), { once: true });
      socket.addEventListener("error", () => reject(new Error("the upgrade was refused")), { once: true });
    });
    return own;
  }

  /** Calls `listener` with all that comes, what came before the first listener included. */
  listen(listener: (event: SocketEvent) => void): void {
    this.#listeners.add(listener);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) listener(event);
  }

  /** The next message that is text. Only before the first `listen`. */
  nextText(): Promise<string> {
    return new Promise((resolve, reject) => {
      const take = (event: SocketEvent): boolean => {
        if ("text" in event) resolve(event.text);
        else if ("close" in event) reject(new Error(`closed with ${event.close.code} ${event.close.reason}`));
        return "text" in event || "close" in event;
      };
      const at = (this.#early ?? []).findIndex((event) => take(event));
      if (at !== -1) {
        this.#early?.splice(0, at + 1);
        return;
      }
      const listener = (event: SocketEvent): void => {
        if (!take(event)) return;
        this.#listeners.delete(listener);
        if ("text" in event) this.#early?.pop();
      };
      this.#listeners.add(listener);
    });
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** Bytes that were sent and that the network has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  close(): void {
    this.#socket.close();
  }

  #emit(event: SocketEvent): void {
    this.#early?.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}
