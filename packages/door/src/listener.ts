import { createServer as createHttp, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createHttps, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { ParleyError } from "@parley/protocol";

import { isLoopback } from "./guest-check.ts";

/** What takes the upgrades of an HTTP server. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface ListenOptions {
  /** Default 6667; 0 is any free one. */
  readonly port?: number;
  /** Default 127.0.0.1. Elsewhere no guests are taken. */
  readonly host?: string;
  /** False takes no guests even where only this machine can connect, as where a proxy may stand before it. Default true. */
  readonly guests?: boolean;
  /** Speaks TLS with this. */
  readonly tls?: DoorTls;
}

/** A certificate, with those that certify it, and its private key, as PEM text. */
interface DoorTls {
  readonly cert: string;
  readonly key: string;
}

/** A listener of the door's own: a WebSocket on any path. */
export interface DoorListener {
  readonly port: number;
  readonly url: string;
  /** New connections get this certificate, of a listener that speaks TLS. Throws `invalid_config`, and goes on with the earlier one. */
  setTls(tls: DoorTls): void;
  close(): Promise<void>;
}

/** Sockets that are no WebSocket yet have so long to become one. */
const headersMs = 10_000;
const mostSockets = 4000;

const noWebSocket: RequestListener = (_request, response) => {
  response.writeHead(426, { "content-type": "application/json", upgrade: "websocket", connection: "upgrade, close" });
  response.end(JSON.stringify({ type: "ERROR", code: "INVALID_MSG", message: "The plain door speaks WebSocket." }));
};

/** Listens. Throws `address_in_use` or `invalid_config`. */
export async function listen(
  options: ListenOptions,
  handlerFor: (loopback: boolean) => UpgradeHandler,
): Promise<DoorListener> {
  const { port = 6667, host = "127.0.0.1", tls } = options;
  const server = makeServer(tls);
  server.maxConnections = mostSockets;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port)));
    server.listen(port, host, resolve);
  });
  // An accept that fails, for want of file descriptors, is the caller's to repeat.
  server.on("error", () => undefined);
  const bound = server.address() as AddressInfo;
  server.on("upgrade", handlerFor(isLoopback(bound.address)));
  const name = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return {
    port: bound.port,
    url: `${tls === undefined ? "ws" : "wss"}://${name}:${bound.port}`,
    setTls(renewed) {
      if (!("setSecureContext" in server)) return;
      try {
        server.setSecureContext({ ...renewed, ...secureOptions });
      } catch (cause) {
        throw tlsError(cause);
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

const secureOptions = { minVersion: "TLSv1.2" } as const;

function makeServer(tls: DoorTls | undefined): Server | TlsServer {
  const options = { headersTimeout: headersMs, requestTimeout: headersMs, connectionsCheckingInterval: 1000 };
  if (tls === undefined) return createHttp(options, noWebSocket);
  try {
    return createHttps({ ...options, ...tls, ...secureOptions, handshakeTimeout: headersMs }, noWebSocket);
  } catch (cause) {
    throw tlsError(cause);
  }
}

function tlsError(cause: unknown): ParleyError {
  return new ParleyError("invalid_config", {
    message: "The door's certificate and key do not fit; both are PEM, set with --tls-cert and --tls-key.",
    cause,
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): ParleyError {
  if (cause.code === "EADDRINUSE")
    return new ParleyError("address_in_use", {
      message: `Port ${port} on ${host} is in use; choose another with --chat-port.`,
      cause,
    });
  return new ParleyError("invalid_config", {
    message: `The door cannot listen on ${host}:${port}: ${cause.code ?? "unknown"}; set another address.`,
    cause,
  });
}
