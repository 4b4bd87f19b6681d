/** A configuration of coturn that fits a mesh: ephemeral credentials of the registry, and no way into private networks. */

export interface CoturnSettings {
  /** Name of the realm, for example the server's domain. */
  readonly realm: string;
  /** Shared with the registry: `turn-secret`. */
  readonly secret: string;
  /** Addresses to listen on; all of the machine's when empty. With two, devices can tell their kind of NAT (RFC 5780). */
  readonly listen?: readonly string[];
  /** `PUBLIC` or `PUBLIC/PRIVATE`, where the machine's own address is translated. */
  readonly externalAddress?: string;
  readonly port: number;
  /** Inclusive range of UDP ports for relayed traffic. */
  readonly relayPorts: readonly [number, number];
}

export const defaultTurnPort = 3478;
export const defaultRelayPorts: readonly [number, number] = [49_152, 65_535];

/** Allocations of one credential, and in all: a device makes one or two for each link that it sets up. */
const perMember = 256;
const inAll = 4000;

/**
 * Where no relayed datagram may go: what only this machine, or its own networks, should reach. Not `::` alone, which coturn
 * reads as every address there is.
 */
const deniedPeers: readonly (readonly [range: string, what: string])[] = [
  ["0.0.0.0-0.255.255.255", "this network"],
  ["10.0.0.0-10.255.255.255", "private"],
  ["100.64.0.0-100.127.255.255", "shared by a carrier's customers"],
  ["127.0.0.0-127.255.255.255", "loopback"],
  ["169.254.0.0-169.254.255.255", "link-local, with the metadata of clouds"],
  ["172.16.0.0-172.31.255.255", "private"],
  ["192.0.0.0-192.0.0.255", "protocol assignments"],
  ["192.168.0.0-192.168.255.255", "private"],
  ["198.18.0.0-198.19.255.255", "benchmarks"],
  ["224.0.0.0-255.255.255.255", "multicast, reserved, broadcast"],
  ["::1", "loopback"],
  ["::ffff:0:0-::ffff:ffff:ffff", "IPv4 written as IPv6"],
  ["64:ff9b::-64:ff9b::ffff:ffff", "IPv4 through NAT64"],
  ["64:ff9b:1::-64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "IPv4 through a local NAT64"],
  ["2001::-2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "IPv4 through Teredo"],
  ["2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "IPv4 through 6to4"],
  ["fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"],
  ["fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"],
  ["ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"],
];

/** Writes turnserver.conf. */
export function coturnConfiguration(settings: CoturnSettings): string {
  const { realm, secret, listen = [], externalAddress, port, relayPorts } = settings;
  const sections: readonly (readonly string[])[] = [
    [
      "# coturn for a Parley mesh. `parley turn config` writes this file; docs/networks.md explains it.",
      "# It holds a secret: chmod 640, owner root, group turnserver.",
    ],
    ["# Where it listens, over UDP and TCP. Two addresses let `parley doctor` tell the kind of NAT (RFC 5780)."],
    [
      `listening-port=${port}`,
      ...listen.map((address) => `listening-ip=${address}`),
      ...listen.slice(0, 1).map((address) => `relay-ip=${address}`),
      externalAddress === undefined ? "# external-ip=PUBLIC/PRIVATE" : `external-ip=${externalAddress}`,
    ],
    ["# UDP ports of relayed traffic: open them in the firewall, beside the listening port."],
    [`min-port=${relayPorts[0]}`, `max-port=${relayPorts[1]}`],
    [
      "# Credentials live for hours: the registry makes them with this secret (`turn-secret`), nothing is registered here.",
    ],
    [`realm=${realm}`, "use-auth-secret", `static-auth-secret=${secret}`, "fingerprint", "stale-nonce=600"],
    ["# TLS for browsers behind strict firewalls; devices on Node use UDP only. Uncomment with a certificate."],
    [
      "# tls-listening-port=5349",
      `# cert=/etc/letsencrypt/live/${realm}/fullchain.pem`,
      `# pkey=/etc/letsencrypt/live/${realm}/privkey.pem`,
      "# no-tlsv1",
      "# no-tlsv1_1",
      "no-tls",
      "no-dtls",
    ],
    ["# How much: allocations of one credential, allocations in all, bytes a second of one allocation (0: no bound)."],
    [`user-quota=${perMember}`, `total-quota=${inAll}`, "max-bps=0"],
    ["# Nothing but relaying of UDP: no command line, no TCP relays, no multicast."],
    ["no-cli", "no-tcp-relay", "no-multicast-peers", "no-software-attribute"],
    [
      "# Nobody gets into private networks through it. Add the public addresses of machines that should not be reached.",
    ],
    deniedPeers.map(([range, what]) => `# ${what}\ndenied-peer-ip=${range}`),
    ["# Start and end of sessions with their short-lived names; never passwords or content."],
    ["log-file=stdout", "simple-log"],
  ];
  return `${joinSections(sections)}\n`;
}

/** A comment stays with the lines that follow it. */
function joinSections(sections: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = sections;
  const pairs = Array.from({ length: Math.ceil(rest.length / 2) }, (_, index) => rest.slice(index * 2, index * 2 + 2));
  return [head, ...pairs.map((pair) => pair.flat())].map((lines) => lines.join("\n")).join("\n\n");
}
