/** What a session needs of a WebSocket (WHATWG WebSockets, section 3.1), so that a simulation can hand in its own. */
export interface SocketLike {
  /** Bytes handed to `send` that have not left yet. */
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
  /** `data` is a string or an `ArrayBuffer`. */
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
}

/** Opens a socket that speaks a sub-protocol. Never throws: a failure is a `close`. */
export type Connect = (url: string, protocol: string) => SocketLike;

/** The platform's WebSocket. */
export const platformSocket: Connect = (url, protocol) => {
  const socket = new WebSocket(url, [protocol]);
  socket.binaryType = "arraybuffer";
  return socket;
};
