import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

import { getRequestListener } from "@hono/node-server";
import type { Clock } from "@parley/core";
import { errorTable, isParleyError, limits, ParleyError, toParleyError } from "@parley/protocol";

import { errorHeaders, rawAnswer, securityHeaders } from "./answer-headers.ts";
import type { RegistryBounds } from "./bounds.ts";
import type { HttpGate } from "./http-gate.ts";
import type { RegistryLog, TlsKeys } from "./options.ts";
import { checkHead } from "./request-head.ts";
import { routeOf } from "./route-of.ts";
import { toWireError } from "./wire-error.ts";

export interface HttpListenerOptions {
  readonly fetch: Parameters<typeof getRequestListener>[0];
  readonly gate: HttpGate;
  readonly tls?: TlsKeys;
  readonly clock: Pick<Clock, "setTimer">;
  readonly bounds: RegistryBounds;
  readonly log: RegistryLog;
}

/** An HTTP server, with or without TLS, that lets in what the gate lets in. */
export class HttpListener {
  readonly server: Server | TlsServer;
  readonly #options: HttpListenerOptions;
  readonly #answer: (request: IncomingMessage, response: ServerResponse) => unknown;

  /** Throws `invalid_config` when certificate and key do not fit. */
  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#answer = getRequestListener(options.fetch, { overrideGlobalObjects: false });
    this.server = this.#makeServer();
    this.server.maxConnections = options.bounds.sockets;
    this.server.maxHeadersCount = limits.headers + 1;
    this.server.timeout = options.bounds.httpIdleMs;
    this.server.maxRequestsPerSocket = options.bounds.httpRequestsPerSocket;
    this.server.on("connection", (socket: Socket) => options.gate.connected(socket));
    this.server.on("clientError", (error: NodeJS.ErrnoException, socket) => this.#misread(error, socket as Socket));
  }

  /** Port. Throws `address_in_use` or `invalid_config`. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port)));
      this.server.listen(port, host, resolve);
    });
    const { log } = this.#options;
    this.server.on("error", (error) =>
      log("error", "registry.failed", { what: "http", code: toParleyError(error).code, error: error.message }),
    );
    return (this.server.address() as AddressInfo).port;
  }

  /** New connections get this certificate; those that are open go on. Throws `invalid_config`, and goes on with the earlier one. */
  setTls(tls: TlsKeys): void {
    if (!("setSecureContext" in this.server)) return;
    try {
      this.server.setSecureContext({ ...tls, ...secureOptions });
    } catch (cause) {
      throw tlsError(cause);
    }
  }

  /** Takes nothing new, and resolves when the last connection is gone: `hurry` is called after so many ms to see to that. */
  async close(graceMs: number, hurry: () => void): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const timer = this.#options.clock.setTimer(graceMs, () => {
      hurry();
      this.server.closeAllConnections();
    });
    await closed;
    timer.cancel();
  }

  #makeServer(): Server | TlsServer {
    const { bounds, tls } = this.#options;
    const options: ServerOptions = {
      headersTimeout: bounds.httpHeadersMs,
      requestTimeout: bounds.httpRequestMs,
      keepAliveTimeout: bounds.httpKeepAliveMs,
      connectionsCheckingInterval: Math.min(1000, bounds.httpHeadersMs),
      maxHeaderSize: limits.headerBytes,
      insecureHTTPParser: false,
      requireHostHeader: true,
    };
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#arrive(request, response);
    };
    if (tls === undefined) return createServer(options, listener);
    try {
      return createTlsServer(
        { ...options, ...tls, ...secureOptions, handshakeTimeout: bounds.httpHeadersMs },
        listener,
      );
    } catch (cause) {
      throw tlsError(cause);
    }
  }

  async #arrive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      checkHead(request);
      await this.#options.gate.enter(request, response, routeOf(request.method, request.url));
      if (!response.destroyed) await this.#answer(request, response);
    } catch (error) {
      this.#refuse(response, toParleyError(error));
    }
  }

  #refuse(response: ServerResponse, error: ParleyError): void {
    if (!isParleyError(error) || error.code === "internal")
      this.#options.log("error", "http.failed", { error: error.message });
    if (response.headersSent || response.destroyed) return void response.destroy();
    response.writeHead(errorTable[error.code].status, {
      ...securityHeaders,
      ...errorHeaders(error),
      "content-type": "application/json",
    });
    response.end(JSON.stringify({ error: toWireError(error) }));
  }

  /** What is no HTTP, came too slowly or has too large a head. An answer that is under way is not written into. */
  #misread({ code = "" }: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || this.#options.gate.isAnswering(socket)) return void socket.destroy();
    refuseSocket(socket, misreadError(code));
  }
}

const secureOptions = { minVersion: "TLSv1.2" } as const;

/** An HTTP answer on a socket that will not become a WebSocket (RFC 6455 section 4.2.2), or that no request could be read from. */
export function refuseSocket(socket: Duplex, error: ParleyError): void {
  // Else it would stay for as long as the other side likes.
  socket.once("finish", () => socket.destroy());
  socket.end(rawAnswer(error));
}

function misreadError(code: string): ParleyError {
  if (code === "HPE_HEADER_OVERFLOW") return new ParleyError("headers_too_large");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new ParleyError("too_slow");
  return new ParleyError("invalid_argument", { message: "This is not a request of HTTP/1.1." });
}

function tlsError(cause: unknown): ParleyError {
  return new ParleyError("invalid_config", {
    message: "The certificate and the key do not fit; both are PEM, set with --tls-cert and --tls-key.",
    cause,
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): ParleyError {
  if (cause.code === "EADDRINUSE")
    return new ParleyError("address_in_use", {
      message: `Port ${port} on ${host} is in use; choose another with --port.`,
      cause,
    });
  if (cause.code === "EACCES")
    return new ParleyError("invalid_config", {
      message: `Port ${port} needs more rights; choose one above 1023 with --port.`,
      cause,
    });
  return new ParleyError("invalid_config", {
    message: `Cannot listen on ${host}: ${cause.code ?? "unknown"}; set another address with --host.`,
    cause,
  });
}
