import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

import type { Clock } from "@parley/core";
import { type PaceName, ParleyError, routePace } from "@parley/protocol";

import { AddressRates } from "./address-rates.ts";
import type { RegistryBounds } from "./bounds.ts";
import type { ClientAddress, TrustedProxies } from "./client-address.ts";
import { CountedGroups } from "./counted-groups.ts";
import type { NodeCounters } from "./node-counters.ts";
import type { TurnedAway } from "./turned-away.ts";
import { Turns } from "./turns.ts";

export interface HttpGateOptions {
  readonly proxies: TrustedProxies;
  /** Only proxies may connect, and this machine. */
  readonly onlyProxies: boolean;
  readonly clock: Pick<Clock, "monotonic" | "setTimer" | "soon">;
  readonly bounds: RegistryBounds;
  readonly counters: NodeCounters;
  readonly turnedAway: TurnedAway;
}

/** What waits at the gate: nobody gets more by asking for more. */
export class HttpGate {
  readonly #options: HttpGateOptions;
  readonly #sockets: CountedGroups;
  readonly #requests: CountedGroups;
  readonly #rates: Readonly<Record<PaceName, AddressRates>>;
  readonly #turns: Turns;
  /** Requests of a connection that wait for their answer. */
  readonly #pipelined = new WeakMap<Socket, number>();
  #inFlight = 0;

  constructor(options: HttpGateOptions) {
    this.#options = options;
    const { bounds, clock } = options;
    this.#turns = new Turns(clock, bounds.httpPerTurn);
    this.#sockets = new CountedGroups(bounds.socketsPerAddress);
    this.#requests = new CountedGroups(bounds.requestsPerAddress);
    this.#rates = {
      plain: new AddressRates(bounds.plainRequestsPerSecond),
      secret: new AddressRates(bounds.secretRequestsPerSecond),
      transfer: new AddressRates(bounds.transferRequestsPerSecond),
      session: new AddressRates(bounds.sessionsPerSecond),
    };
  }

  /** Whether an answer is being written to a connection. */
  isAnswering(socket: Socket): boolean {
    return (this.#pipelined.get(socket) ?? 0) > 0;
  }

  /** Where a request comes from. */
  clientAddress(request: IncomingMessage): ClientAddress {
    return this.#options.proxies.clientAddress(request);
  }

  /** A connection has come. One too many of its address is closed; those of a proxy are many people's. */
  connected(socket: Socket): void {
    const { proxies, onlyProxies, turnedAway } = this.#options;
    const { address, group, viaProxy } = proxies.clientAddress({ headers: {}, socket });
    if (viaProxy) return;
    if (onlyProxies && !isLocal(group)) {
      turnedAway.count("not_a_proxy", address);
      socket.destroy();
    } else this.#countUntilClose({ address, group }, socket);
  }

  /** A WebSocket is asked for. Throws `rate_limited`, or `limit_reached` where a proxy's connections are counted by whom they are for. */
  openSession({ address, group, viaProxy }: ClientAddress, socket: Socket): void {
    const now = this.#options.clock.monotonic();
    if (!this.#rates.session.of(group, now).take(now)) throw this.#turnAway("sessions", address);
    if (viaProxy && !this.#countUntilClose({ address, group }, socket)) throw new ParleyError("limit_reached");
  }

  /**
   * Lets a request in when it is its turn. One that comes a little too soon is held; one that comes much too soon is held and then
   * refused, so that whoever asks again and again waits again and again. Throws `rate_limited` and `limit_reached`.
   */
  async enter(
    request: IncomingMessage,
    response: ServerResponse,
    route: keyof typeof routePace,
  ): Promise<ClientAddress> {
    const { clock, bounds } = this.#options;
    const from = this.clientAddress(request);
    const entered = this.#count(from, request.socket, response);
    try {
      const now = clock.monotonic();
      const wait = this.#rates[routePace[route]].of(from.group, now).reserve(now, bounds.httpHoldMs);
      if (wait !== 0) await this.hold(wait ?? bounds.httpHoldMs);
      if (wait === undefined) throw this.#turnAway("requests", from.address);
      // Nobody waits for the answer any more: its turn is another one's.
      if (!response.destroyed) await this.#turns.take();
      return from;
    } finally {
      entered();
    }
  }

  /** A member asks with its session token. Holds and throws as `enter` does. */
  async enterAs(http: { reserve(now: number, mostMs: number): number | undefined }): Promise<void> {
    const { clock, bounds, counters } = this.#options;
    const wait = http.reserve(clock.monotonic(), bounds.httpHoldMs);
    if (wait !== 0) await this.hold(wait ?? bounds.httpHoldMs);
    if (wait !== undefined) return;
    counters.turnedAway("requests_of_member");
    throw new ParleyError("rate_limited");
  }

  hold(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.setTimer(ms, resolve));
  }

  /** Counts a request until it is answered or given up, and not before it has entered: who hangs up while it waits gets no second one for it. */
  #count({ address, group }: ClientAddress, socket: Socket, response: ServerResponse): () => void {
    const { bounds } = this.#options;
    const pipelined = this.#pipelined.get(socket) ?? 0;
    const isFull = pipelined >= bounds.httpPipelined || this.#inFlight >= bounds.httpRequests;
    if (isFull || !this.#requests.add(group)) {
      this.#turnAway("requests_at_once", address);
      throw new ParleyError("limit_reached", { message: "Too many requests at once; wait for the answers." });
    }
    this.#pipelined.set(socket, pipelined + 1);
    this.#inFlight++;
    let reasons = 2;
    const release = (): void => {
      if (--reasons > 0) return;
      this.#pipelined.set(socket, (this.#pipelined.get(socket) ?? 1) - 1);
      this.#inFlight--;
      this.#requests.remove(group);
    };
    response.once("close", release);
    return release;
  }

  #countUntilClose({ address, group }: Omit<ClientAddress, "viaProxy">, socket: Socket): boolean {
    if (!this.#sockets.add(group)) {
      this.#options.turnedAway.count("connections", address);
      socket.destroy();
      return false;
    }
    socket.once("close", () => this.#sockets.remove(group));
    return true;
  }

  #turnAway(why: string, address: string): ParleyError {
    this.#options.turnedAway.count(why, address);
    return new ParleyError("rate_limited");
  }
}

const isLocal = (group: string): boolean => group.startsWith("127.") || group === "0:0:0:0::/64";
