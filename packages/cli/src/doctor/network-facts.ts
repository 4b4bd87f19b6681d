/** What the STUN and TURN servers show of the network, looked at all at once. */
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";

import type { IceServer } from "@parley/core";

import { type NatFindings, probeNat, probeStun } from "../stun/nat-probe.ts";
import type { Endpoint } from "../stun/stun-message.ts";
import { stunGiveUpMs } from "../stun/stun-socket.ts";
import { probeTurn, type TurnOutcome } from "../stun/turn-probe.ts";
import { type IceUrl, readIceUrl } from "./ice-url.ts";

/** One server, by its address as it was named. */
export interface ServerTrial {
  readonly url: string;
  /** Milliseconds to the answer of a Binding request; undefined without one. */
  readonly answeredMs: number | undefined;
}

export interface TurnServerTrial {
  readonly url: string;
  readonly username: string | undefined;
  /** `unresolved`: the name has no address. `not-tried`: over TCP or TLS, which devices on Node do not use. `no-credentials`. */
  readonly outcome: TurnOutcome | { readonly state: "unresolved" | "not-tried" | "no-credentials" };
}

export interface NetworkFacts {
  readonly stun: readonly ServerTrial[];
  readonly turn: readonly TurnServerTrial[];
  readonly nat: NatFindings;
}

/** As many as a list of servers sensibly has; the rest is not tried. */
const mostServers = 8;
const tcpMs = 1500;
const httpsPort = 443;

interface Named extends IceUrl {
  readonly server: IceServer;
  readonly endpoint: Endpoint | undefined;
}

/** Tries every server. `registry` is the registry's origin, `address` the local one to bind to. Takes about two seconds. */
export async function lookAtNetwork(
  servers: readonly IceServer[],
  registry: string | undefined,
  address?: string,
): Promise<NetworkFacts> {
  const named = await resolveServers(servers, address);
  const endpoints = udpEndpoints(named);
  const stun = named.filter(({ kind, transport }) => kind === "stun" && transport === "udp");
  const turn = named.filter(({ kind }) => kind === "turn");
  const [nat, ...trials] = await Promise.all([
    probeNat(endpoints, ownAddresses(), address),
    Promise.all(stun.map((each) => tryStun(each, address))),
    Promise.all(turn.map((each) => tryTurn(each, address))),
  ]);
  return { stun: trials[0], turn: trials[1], nat: await refine(nat, endpoints, registry) };
}

/** The kind of NAT alone. */
export async function lookAtNat(servers: readonly IceServer[], address?: string): Promise<NatFindings> {
  return probeNat(udpEndpoints(await resolveServers(servers, address)), ownAddresses(), address);
}

function resolveServers(servers: readonly IceServer[], address: string | undefined): Promise<readonly Named[]> {
  const read = servers.flatMap((server) =>
    server.urls.flatMap((url) => {
      const parsed = readIceUrl(url);
      return parsed === undefined ? [] : [{ ...parsed, server }];
    }),
  );
  return Promise.all(
    read.slice(0, mostServers).map(async (each) => ({ ...each, endpoint: await resolve(each, address) })),
  );
}

const udpEndpoints = (named: readonly Named[]): readonly Endpoint[] =>
  unique(named.flatMap(({ transport, endpoint }) => (transport === "udp" && endpoint !== undefined ? [endpoint] : [])));

/** A name that has addresses of both families counts as its first of the family that is bound to. */
async function resolve({ host, port }: IceUrl, address: string | undefined): Promise<Endpoint | undefined> {
  const family = address === undefined ? 0 : address.includes(":") ? 6 : 4;
  try {
    return { address: (await lookup(host, { family })).address, port };
  } catch {
    return undefined;
  }
}

async function tryStun({ url, endpoint }: Named, address: string | undefined): Promise<ServerTrial> {
  const answer = endpoint === undefined ? undefined : await probeStun(endpoint, address);
  return { url, answeredMs: answer?.tookMs };
}

async function tryTurn({ url, endpoint, transport, server }: Named, address?: string): Promise<TurnServerTrial> {
  const { username, credential } = server;
  const trial = (outcome: TurnServerTrial["outcome"]): TurnServerTrial => ({ url, username, outcome });
  if (transport !== "udp") return trial({ state: "not-tried" });
  if (endpoint === undefined) return trial({ state: "unresolved" });
  if (username === undefined || credential === undefined) return trial({ state: "no-credentials" });
  return trial(await probeTurn(endpoint, { username, credential }, address));
}

/** Where no datagram comes back, TCP tells blocked UDP from servers that are down, and from a network that lets out HTTPS only. */
async function refine(
  nat: NatFindings,
  servers: readonly Endpoint[],
  registry: string | undefined,
): Promise<NatFindings> {
  if (nat.kind !== "udp-blocked") return nat;
  const elsewhere = servers.filter(({ port }) => port !== httpsPort);
  const passed = await Promise.all(elsewhere.map(connects));
  if (elsewhere.length === 0 || passed.includes(true))
    return { ...nat, because: "the STUN servers answer over TCP only" };
  if (registry !== undefined && portOf(registry) === httpsPort)
    return {
      ...nat,
      kind: "tcp-443-only",
      because: "nothing reaches the STUN servers, and the registry is on port 443",
    };
  return { ...nat, because: "the STUN servers answer neither over UDP nor over TCP, so they may be down as well" };
}

function portOf(origin: string): number {
  const { port, protocol } = new URL(origin);
  return port === "" ? (protocol === "https:" ? httpsPort : 80) : Number(port);
}

/** Whether TCP gets there; a refusal got there too. */
function connects({ address, port }: Endpoint): Promise<boolean> {
  return new Promise((resolvePromise) => {
    const socket = connect({ host: address, port });
    const finish = (result: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolvePromise(result);
    };
    const timer = setTimeout(() => finish(false), Math.min(tcpMs, stunGiveUpMs));
    socket.once("connect", () => finish(true));
    socket.once("error", (error: NodeJS.ErrnoException) => finish(error.code === "ECONNREFUSED"));
  });
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));

const unique = (endpoints: readonly Endpoint[]): readonly Endpoint[] => [
  ...new Map(endpoints.map((endpoint) => [`${endpoint.address} ${endpoint.port}`, endpoint])).values(),
];
