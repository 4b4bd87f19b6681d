import type { Server } from "node:http";
import { type AddressInfo } from "node:net";

import { createAdaptorServer } from "@hono/node-server";
import { type Clock, systemClock } from "@parley/core";
import { ParleyError, protocolVersions, toParleyError } from "@parley/protocol";
import type { WebSocketServer } from "ws";

import manifest from "../package.json" with { type: "json" };
import type { AuditRecorder } from "./audit/audit-trail.ts";
import type { HostRules } from "./host-check.ts";
import { makeHttpApp, type RouteHandlers } from "./http-app.ts";
import { NodeMetrics } from "./metrics.ts";
import { RegistryNode } from "./node.ts";
import { makeOpenApi } from "./openapi.ts";
import type { RegistryLog, RegistryOptions } from "./options.ts";
import { acceptSessions } from "./upgrade.ts";

/** One node of the registry, reached by HTTP and WebSocket. */
export interface Registry {
  /** Resolves when it takes sessions. Throws `address_in_use`, `registry_key_mismatch` or what the stores say. */
  start(): Promise<{ origin: string; port: number }>;
  /** Says goodbye to every device, finishes what is being written and closes, within five seconds. Leaves the stores open. */
  stop(): Promise<void>;
  /** Secret of the one-time link; undefined before the start and once the mesh is claimed. */
  readonly claimSecret: string | undefined;
  /** Resolves once the mesh is claimed; at once when it is. Never when that does not happen in this life of the node. */
  readonly claimed: Promise<void>;
  /** Opens an invite for an edge of this node, to ask to be let in with like any other member. Its secret is given here only. */
  inviteEdge(label: string): Promise<string>;
  /** Where edges of this node write down what they do. */
  readonly audit: AuditRecorder;
  readonly origin: string;
}

export function createRegistry(options: RegistryOptions): Registry {
  return new HttpRegistry(options);
}

const loopback: readonly string[] = ["127.0.0.1", "::1", "localhost"];

class HttpRegistry implements Registry {
  readonly #options: RegistryOptions;
  readonly #node: RegistryNode;
  readonly #clock: Clock;
  readonly #log: RegistryLog;
  #http: Server | undefined;
  #sockets: WebSocketServer | undefined;
  #port: number;
  #nodeMetrics: NodeMetrics | undefined;
  #openApi: ReturnType<typeof makeOpenApi> | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#node = new RegistryNode(options);
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? (() => undefined);
    this.#port = options.port ?? 8080;
  }

  get claimSecret(): string | undefined {
    return this.#node.claimSecret;
  }

  get claimed(): Promise<void> {
    return this.#node.claimed;
  }

  get audit(): AuditRecorder {
    return this.#node.audit;
  }

  inviteEdge(label: string): Promise<string> {
    return this.#node.inviteEdge(label);
  }

  get origin(): string {
    const { publicOrigin, host = "127.0.0.1" } = this.#options;
    const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
    return publicOrigin ?? `http://${name}:${this.#port}`;
  }

  async start(): Promise<{ origin: string; port: number }> {
    await this.#node.open();
    await this.#listen();
    this.#node.begin();
    this.#log("info", "registry.ready", {
      origin: this.origin,
      members: this.#node.size,
      claimed: this.#node.isClaimed,
    });
    return { origin: this.origin, port: this.#port };
  }

  async stop(): Promise<void> {
    if (!(await this.#node.end())) return;
    await this.#close();
    this.#log("info", "registry.stopped", {});
  }

  async #listen(): Promise<void> {
    const { host = "127.0.0.1", port = 8080 } = this.#options;
    const { httpHeadersMs, httpRequestMs, sockets } = this.#node.bounds;
    const rules = (): HostRules => ({ origin: this.origin, host, allowedOrigins: this.#options.allowedOrigins ?? [] });
    const app = makeHttpApp({
      handlers: this.#routes(),
      bearers: this.#node.bearers,
      liveCalls: this.#node.liveCalls,
      rules,
      log: this.#log,
    });
    const serverOptions = {
      headersTimeout: httpHeadersMs,
      requestTimeout: httpRequestMs,
      maxHeaderSize: 16_384,
      connectionsCheckingInterval: 1000,
    };
    const http = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false, serverOptions }) as Server;
    http.maxConnections = sockets;
    this.#sockets = acceptSessions(http, {
      rules,
      checkReady: () => this.#node.checkReady(),
      accept: (socket) => this.#node.accept(socket),
      onRefused: (address, code) => this.#node.sessionRefused(address, code),
      plainDoor: this.#options.plainDoor,
      log: this.#log,
    });
    await new Promise<void>((resolve, reject) => {
      http.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port)));
      http.listen(port, host, resolve);
    });
    http.on("error", (error) => this.#failed(error));
    this.#port = (http.address() as AddressInfo).port;
    this.#http = http;
  }

  #routes(): RouteHandlers {
    const version = manifest.version;
    return {
      healthz: () => ({ status: this.#node.health }),
      readyz: () =>
        this.#node.health === "ok" ? { status: "ok" } : { status: 503, reply: { status: this.#node.health } },
      version: () => ({ name: "parley", version, protocol: [...protocolVersions], node: this.#options.nodeKey.id }),
      openapi: () => (this.#openApi ??= makeOpenApi(version, this.origin)),
      metrics: ({ caller }) => this.#metrics(caller !== undefined),
      node: () => this.#node.nodeInfo(),
      ...this.#node.routes,
    };
  }

  /** Counts are nobody's business but the operators': for anybody else there is no such address, unless a setting says so. */
  async #metrics(isProven: boolean): Promise<Response> {
    const { host = "127.0.0.1", publicOrigin, metrics } = this.#options;
    const isServed = isProven || (metrics ?? (publicOrigin === undefined && loopback.includes(host)));
    if (!isServed)
      throw new ParleyError("not_found", {
        message: "Metrics are served to an API key with the scope metrics:read, or by the setting `metrics`.",
      });
    const { type, body } = await (this.#nodeMetrics ??= new NodeMetrics(this.#node)).text();
    return new Response(body, { headers: { "content-type": type } });
  }

  async #close(): Promise<void> {
    const { drainMs } = this.#node.bounds;
    const http = this.#http;
    if (http === undefined) return;
    const closed = new Promise<void>((resolve) => void http.close(() => resolve()));
    http.closeIdleConnections();
    const hurry = this.#clock.setTimer(drainMs / 2, () => {
      for (const socket of this.#sockets?.clients ?? []) socket.terminate();
      http.closeAllConnections();
    });
    await closed;
    hurry.cancel();
  }

  #failed(error: unknown): void {
    this.#log("error", "registry.failed", {
      what: "http",
      code: toParleyError(error).code,
      error: error instanceof Error ? error.message : "not an error",
    });
  }
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
