/** The plain door: agentchat's JSON over WebSocket for programs without a device, on behalf of which one member of the mesh acts. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import { type Clock, type Random, systemClock, systemRandom, type Timer } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import { WebSocketServer } from "ws";

import { type DoorBounds, defaultBounds } from "./bounds.ts";
import { Channels } from "./channels.ts";
import { ClientIds } from "./client-ids.ts";
import { decodeClientMessage } from "./client-message.ts";
import { Dispatch } from "./dispatch.ts";
import { DoorClient, TellingSocket } from "./door-client.ts";
import type { DoorMesh } from "./door-mesh.ts";
import type { DoorTokens } from "./door-tokens.ts";
import { bearerOf, isOriginAllowed, mayBeGuest } from "./guest-check.ts";
import { Identification } from "./identification.ts";
import { type DoorListener, listen, type ListenOptions, type UpgradeHandler } from "./listener.ts";
import { LiveClients } from "./live-clients.ts";
import { MemberKeys } from "./member-keys.ts";
import { Messages } from "./messages.ts";
import { ProposalActs } from "./proposal-acts.ts";
import { Proposals, type ProposalStore } from "./proposals.ts";
import { Refusal, toRefusal } from "./refusal.ts";
import { refuseUpgrade } from "./upgrade-refusal.ts";

/** One structured line. Fields carry ids and counts, never keys, tokens or content. */
export type DoorLog = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export interface DoorOptions {
  readonly mesh: DoorMesh;
  /** Without it no door token is known. */
  readonly tokens?: DoorTokens;
  /** Where proposals outlive the process. Default: nowhere. */
  readonly proposals?: ProposalStore;
  /** The name in WELCOME, default `parley`. */
  readonly name?: string;
  /** Posts that a newcomer to a channel gets, 0 to 200, default 20. */
  readonly replay?: number;
  /** MSGs a second of one connection, default 1, and their burst, default 10. */
  readonly rate?: number;
  readonly burst?: number;
  /** Origins of web pages that may connect. Default: none. */
  readonly allowedOrigins?: readonly string[];
  /** What a connection is counted by: behind a proxy, whom it is for. Default: the address of its socket. */
  readonly addressOf?: (request: IncomingMessage) => string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: DoorLog;
  readonly bounds?: Partial<DoorBounds>;
}

const beatMs = 1000;
const goodbyeMs = 1000;
const mostReplay = 200;

export class Door {
  readonly #clock: Clock;
  readonly #bounds: DoorBounds;
  readonly #options: DoorOptions;
  readonly #log: DoorLog;
  readonly #live: LiveClients;
  readonly #memberKeys: MemberKeys;
  readonly #identification: Identification;
  readonly #channels: Channels;
  readonly #messages: Messages;
  readonly #proposals: Proposals;
  readonly #acts: ProposalActs;
  readonly #dispatch: Dispatch;
  readonly #sockets: InstanceType<typeof WebSocketServer<typeof TellingSocket>>;
  readonly #listeners = new Set<DoorListener>();
  #beat: Timer | undefined;
  #unwatch: (() => void) | undefined;
  #lastCheck = 0;

  /** Throws `invalid_config`. */
  constructor(options: DoorOptions) {
    const { mesh, replay = 20, rate = 1, burst = 10 } = options;
    if (!Number.isInteger(replay) || replay < 0 || replay > mostReplay || !(rate > 0) || !(burst >= 1))
      throw new ParleyError("invalid_config", {
        message: `The door's replay is 0 to ${mostReplay}, its rate above 0, its burst at least 1.`,
      });
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    const bounds = { ...defaultBounds, ...options.bounds };
    this.#options = options;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#log = options.log ?? (() => undefined);
    const ids: ClientIds = new ClientIds(random, bounds.knownKeys, (id) => this.#live.holds(id));
    const live = new LiveClients(bounds, (id) => ids.wasProven(id));
    this.#live = live;
    this.#channels = new Channels({ clock, bounds, mesh, live, replay });
    this.#messages = new Messages({ clock, bounds, mesh, live, channels: this.#channels });
    this.#proposals = new Proposals({
      clock,
      random,
      bounds,
      ...(options.proposals === undefined ? {} : { store: options.proposals }),
    });
    this.#acts = new ProposalActs({ clock, bounds, live, proposals: this.#proposals });
    this.#memberKeys = new MemberKeys({ clock, bounds, mesh });
    this.#identification = new Identification({
      clock,
      random,
      bounds,
      live,
      ids,
      tokens: options.tokens,
      memberKeys: this.#memberKeys,
      serverName: options.name ?? "parley",
      onIn: (client) => this.#came(client),
      onOut: (client) => this.#went(client),
    });
    this.#dispatch = new Dispatch({
      clock,
      identification: this.#identification,
      channels: this.#channels,
      messages: this.#messages,
      proposals: this.#acts,
    });
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: bounds.cutBytes,
      clientTracking: false,
      // Pings are counted like messages before they are answered.
      autoPong: false,
      WebSocket: TellingSocket,
    });
  }

  /** Begins to take messages from the mesh and to look after connections. */
  async start(): Promise<void> {
    await this.#proposals.open();
    this.#unwatch = this.#options.mesh.onDirect((message) => this.#messages.takeDirect(message));
    this.#armBeat();
  }

  /**
   * A handler for the upgrades of somebody else's HTTP server, for one path. `loopback`: the server listens on this machine's own
   * addresses only, and no proxy stands before it; only there are guests taken.
   */
  upgradeHandler(listener: { readonly loopback: boolean }): UpgradeHandler {
    return (request, socket, head) => this.#upgrade(request, socket, head, listener.loopback);
  }

  /** Opens a listener of the door's own. Throws `address_in_use` or `invalid_config`. */
  async listen(options: ListenOptions): Promise<DoorListener> {
    const { guests = true } = options;
    const listener = await listen(options, (loopback) => this.upgradeHandler({ loopback: loopback && guests }));
    this.#listeners.add(listener);
    this.#log("info", "door.listening", { port: listener.port, tls: options.tls !== undefined });
    return listener;
  }

  /** Says goodbye to everybody and closes listeners and connections, within two seconds. */
  async close(): Promise<void> {
    this.#beat?.cancel();
    this.#unwatch?.();
    // No ERROR: one that nobody waits for ends agentchat's client library with its process.
    for (const client of this.#live.all) client.close(1001, "The door closes; come back in a moment.");
    const hurry = this.#clock.setTimer(goodbyeMs, () => {
      for (const client of this.#live.all) client.terminate();
    });
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    hurry.cancel();
    for (const client of this.#live.all) client.terminate();
  }

  /** Connections, and of those the ones with an id. */
  get counts(): { readonly connections: number; readonly identified: number } {
    const all = [...this.#live.all];
    return { connections: all.length, identified: all.filter(({ isIn }) => isIn).length };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, loopbackListener: boolean): void {
    socket.on("error", () => socket.destroy());
    const { headers } = request;
    const peer = request.socket.remoteAddress ?? "";
    const address = this.#options.addressOf?.(request) ?? peer;
    if (!isOriginAllowed(headers.origin, this.#options.allowedOrigins ?? [])) {
      refuseUpgrade(socket, 403, "AUTH_REQUIRED", "Web pages of this origin may not use the door.");
      return;
    }
    const full = this.#live.refusalFor(address, this.#clock.monotonic());
    if (full !== undefined) {
      refuseUpgrade(socket, 429, "LIMIT_REACHED", full);
      return;
    }
    const isLocal = mayBeGuest({ loopbackListener, address: peer, headers });
    this.#sockets.handleUpgrade(request, socket, head, (opened) =>
      this.#open(opened, { address, isLocal, bearer: bearerOf(headers) }),
    );
  }

  #open(
    socket: TellingSocket,
    arrival: { readonly address: string; readonly isLocal: boolean; readonly bearer: string | undefined },
  ): void {
    const { rate = 1, burst = 10 } = this.#options;
    const client = new DoorClient(socket, arrival, { clock: this.#clock, bounds: this.#bounds, rate, burst });
    this.#live.add(client);
    socket.on("message", (data) => this.#take(client, data as Buffer));
    socket.on("close", (code: number) => {
      this.#log("debug", "door.left", { id: client.id, code });
      this.#went(client);
      this.#identification.forget(client);
      this.#live.remove(client);
    });
    socket.on("ping", (data: Buffer) => this.#answerPing(client, data));
    // What is wrong with a socket shows as its close.
    socket.on("error", (error) => this.#log("debug", "door.socket", { error: error.message }));
  }

  /** Never throws: what comes over one connection hurts nobody else. */
  #take(client: DoorClient, data: Buffer): void {
    client.hear();
    if (!client.isOpen) return;
    try {
      client.admit();
      if (data.length > this.#bounds.frameBytes)
        throw new Refusal("INVALID_MSG", `A message has at most ${this.#bounds.frameBytes} bytes.`);
      const message = decodeClientMessage(data.toString(), this.#bounds.frameBytes);
      client.enqueue(async () => {
        if (!client.isOpen) return;
        try {
          await this.#dispatch.run(client, message);
        } catch (error) {
          this.#refuse(client, error);
        }
      });
    } catch (error) {
      this.#refuse(client, error);
    }
  }

  #answerPing(client: DoorClient, data: Buffer): void {
    if (!client.isOpen) return;
    try {
      client.admit();
      client.pong(data);
    } catch (error) {
      this.#refuse(client, error);
    }
  }

  #refuse(client: DoorClient, error: unknown): void {
    const refusal = toRefusal(error);
    if (refusal.code === "UNAVAILABLE" && !(error instanceof Refusal))
      this.#log("warn", "door.failed", { error: error instanceof Error ? error.name : "not an error" });
    client.refuse(refusal);
  }

  #came(client: DoorClient): void {
    this.#log("debug", "door.came", { id: client.id, standing: client.standing });
    this.#acts.deliver(client);
  }

  #went(client: DoorClient): void {
    this.#channels.leaveAll(client);
    this.#live.release(client);
  }

  #armBeat(): void {
    this.#beat = this.#clock.setTimer(beatMs, () => {
      this.#armBeat();
      this.#look().catch((error: unknown) =>
        this.#log("warn", "door.failed", { error: error instanceof Error ? error.name : "not an error" }),
      );
    });
  }

  async #look(): Promise<void> {
    const now = this.#clock.monotonic();
    for (const client of this.#live.all) {
      client.beat(now);
      this.#identification.beat(client, now);
    }
    await this.#acts.beat();
    await this.#channels.beat(now);
    if (now - this.#lastCheck < this.#bounds.pingMs) return;
    this.#lastCheck = now;
    for (const client of this.#live.all) await this.#checkToken(client);
    await this.#checkMembers();
  }

  /** A door token may be revoked while its holder is connected. */
  async #checkToken(client: DoorClient): Promise<void> {
    const { token } = client;
    if (token === undefined || (await this.#options.tokens?.isValid(token)) === true) return;
    client.refuse(new Refusal("AUTH_REQUIRED", "Your door token was revoked.", { closes: true }));
  }

  /** A member may be revoked while a program with its key is connected. When the mesh cannot say, it is asked another time. */
  async #checkMembers(): Promise<void> {
    for (const client of this.#live.all) {
      const { key, isMember } = client;
      if (key === undefined || !isMember) continue;
      const isStill = await this.#memberKeys.stillHolds(key);
      if (isStill === undefined) return;
      if (!isStill)
        client.refuse(new Refusal("AUTH_REQUIRED", "The member whose key this is was revoked.", { closes: true }));
    }
  }
}
