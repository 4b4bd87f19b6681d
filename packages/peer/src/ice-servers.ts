/** STUN and TURN servers in the shape of node-datachannel. */
import type { IceServer } from "@parley/core";

export interface NativeIceServer {
  readonly hostname: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly relayType?: "TurnUdp";
}

const defaultPort = 3478;
/** libjuice uses one STUN server and two TURN servers; more only cost lookups. */
const maxServers = 8;

/**
 * The servers that libjuice can use: STUN, and TURN over UDP with credentials. TURN over TCP or TLS, `stuns` and
 * URLs that do not parse (RFC 7064, 7065) are left out: a link then has fewer ways, and the mesh falls back on `relay`.
 */
export function nativeIceServers(servers: readonly IceServer[]): NativeIceServer[] {
  const native: NativeIceServer[] = [];
  for (const server of servers) {
    for (const url of server.urls) {
      const entry = readUrl(url, server);
      if (entry !== undefined && native.length < maxServers) native.push(entry);
    }
  }
  return native;
}

function readUrl(url: string, server: IceServer): NativeIceServer | undefined {
  const match = /^(stun|turn):(?:\[([\da-f:.]{2,45})\]|([\w.-]{1,253}))(?::(\d{1,5}))?(?:\?transport=(\w+))?$/i.exec(
    url,
  );
  if (match === null) return undefined;
  const [, scheme, ip6, name, digits, transport = "udp"] = match;
  const hostname = ip6 ?? name;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (hostname === undefined || port < 1 || port > 65_535 || transport.toLowerCase() !== "udp") return undefined;
  if (scheme?.toLowerCase() === "stun") return { hostname, port };
  if (server.username === undefined || server.credential === undefined) return undefined;
  return { hostname, port, username: server.username, password: server.credential, relayType: "TurnUdp" };
}
