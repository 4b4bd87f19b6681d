import { type Clock, systemClock } from "@parley/core";
import { type AuditFacts, ParleyError, protocolVersions } from "@parley/protocol";

import manifest from "../package.json" with { type: "json" };
import type { AuditRecorder } from "./audit/audit-trail.ts";
import { TrustedProxies } from "./client-address.ts";
import type { HostRules } from "./host-check.ts";
import { makeHttpApp, type RouteHandlers } from "./http-app.ts";
import { HttpGate } from "./http-gate.ts";
import { HttpListener } from "./http-listener.ts";
import { NodeMetrics } from "./metrics.ts";
import { RegistryNode } from "./node.ts";
import { makeOpenApi } from "./openapi.ts";
import type { RegistryLog, RegistryOptions, TlsKeys } from "./options.ts";
import { TurnedAway } from "./turned-away.ts";
import { acceptSessions, makeSockets } from "./upgrade.ts";

/** One node of the registry, reached by HTTP and WebSocket. */
export interface Registry {
  /** Resolves when it takes sessions. Throws `address_in_use`, `registry_key_mismatch` or what the stores say. */
  start(): Promise<{ origin: string; port: number }>;
  /** Says goodbye to every device, finishes what is being written and closes, within five seconds. Leaves the stores open. */
  stop(): Promise<void>;
  /** Secret of the one-time link; undefined before the start and once the mesh is claimed. */
  readonly claimSecret: string | undefined;
  /** When the certificate of this node's key runs out, ms since 1970; undefined while the mesh is not claimed. */
  readonly certifiedUntil: number | undefined;
  /** Resolves once the mesh is claimed; at once when it is. Never when that does not happen in this life of the node. */
  readonly claimed: Promise<void>;
  /** New connections get this certificate, of a registry that was given one. Throws `invalid_config`, and goes on with the earlier one. */
  setTls(tls: TlsKeys): void;
  /** Where this very process reaches it: the loopback, and where it speaks TLS a port of its own without. */
  inside(): Promise<string>;
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
  readonly #sockets = makeSockets();
  readonly #gate: HttpGate;
  readonly #listeners: HttpListener[] = [];
  #port: number;
  #nodeMetrics: NodeMetrics | undefined;
  #openApi: ReturnType<typeof makeOpenApi> | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#node = new RegistryNode(options);
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? (() => undefined);
    this.#port = options.port ?? 8080;
    const { bounds, counters } = this.#node;
    const { proxies = new TrustedProxies(), onlyProxies = false } = options;
    const turnedAway = new TurnedAway({
      counters,
      monotonic: () => this.#clock.monotonic(),
      onFirst: (address, why) => this.#node.turnedAway(address, why),
    });
    this.#gate = new HttpGate({ proxies, onlyProxies, clock: this.#clock, bounds, counters, turnedAway });
  }

  get claimSecret(): string | undefined {
    return this.#node.claimSecret;
  }

  get certifiedUntil(): number | undefined {
    return this.#node.certifiedUntil;
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
    const { publicOrigin, tls } = this.#options;
    return publicOrigin ?? `${tls === undefined ? "http" : "https"}://${this.#near}:${this.#port}`;
  }

  setTls(tls: TlsKeys): void {
    for (const listener of this.#listeners) listener.setTls(tls);
  }

  async inside(): Promise<string> {
    if (this.#options.tls === undefined) return `http://${this.#near}:${this.#port}`;
    const listener = this.#makeListener();
    const port = await listener.listen("127.0.0.1", 0);
    this.#listeners.push(listener);
    return `http://127.0.0.1:${port}`;
  }

  /** The address it listens on, as this machine writes it. */
  get #near(): string {
    const { host = "127.0.0.1" } = this.#options;
    const near = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
    return near.includes(":") ? `[${near}]` : near;
  }

  async start(): Promise<{ origin: string; port: number }> {
    await this.#node.open();
    await this.#listen();
    this.#node.begin(this.#exposure);
    this.#log("info", "registry.ready", {
      origin: this.origin,
      members: this.#node.size,
      claimed: this.#node.isClaimed,
    });
    return { origin: this.origin, port: this.#port };
  }

  /** Who can reach it, and whether others can read along: for the audit. */
  get #exposure(): AuditFacts {
    const { host = "127.0.0.1", tls, proxies, onlyProxies = false } = this.#options;
    const hasTls = tls !== undefined;
    const isPlaintext = !hasTls && !onlyProxies && !loopback.includes(host);
    return { host, tls: hasTls, proxies: proxies?.isEmpty === false, plaintext: isPlaintext };
  }

  async stop(): Promise<void> {
    if (!(await this.#node.end())) return;
    await this.#close();
    this.#log("info", "registry.stopped", {});
  }

  async #listen(): Promise<void> {
    const { host = "127.0.0.1", port = 8080, tls } = this.#options;
    const listener = this.#makeListener(tls);
    this.#port = await listener.listen(host, port);
    this.#listeners.push(listener);
  }

  #makeListener(tls?: TlsKeys): HttpListener {
    const { host = "127.0.0.1", allowedOrigins = [], plainDoor } = this.#options;
    const log = this.#log;
    const gate = this.#gate;
    const clock = this.#clock;
    const { bounds, shares } = this.#node;
    const rules = (): HostRules => ({ origin: this.origin, host, isSecure: tls !== undefined, allowedOrigins });
    const app = makeHttpApp({
      handlers: this.#routes(),
      bearers: this.#node.bearers,
      liveCalls: this.#node.liveCalls,
      rules,
      log,
      isSecure: () => this.origin.startsWith("https:"),
      addressOf: (request) => gate.clientAddress(request).address,
      paceOf: (member) => gate.enterAs(shares.of(member).http),
      bodyPace: { clock, bounds },
    });
    const listener = new HttpListener({
      fetch: app.fetch,
      gate,
      ...(tls === undefined ? {} : { tls }),
      clock,
      bounds,
      log,
    });
    acceptSessions(listener.server, this.#sockets, {
      rules,
      checkReady: () => this.#node.checkReady(),
      accept: (socket) => this.#node.accept(socket),
      onRefused: (address, code) => this.#node.sessionRefused(address, code),
      plainDoor,
      gate,
      log,
    });
    return listener;
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
    const hurry = (): void => {
      for (const socket of this.#sockets.clients) socket.terminate();
    };
    await Promise.all(this.#listeners.map((listener) => listener.close(drainMs / 2, hurry)));
  }
}
