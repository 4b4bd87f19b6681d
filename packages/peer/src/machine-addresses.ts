/** This machine's addresses, and those from which it reaches what is far away. */
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";

import type { LocalAddress, RoutedFrom } from "./interface-filter.ts";

/** Documentation addresses (RFC 5737, RFC 3849), which nothing but a default route leads to. Nothing is sent to them. */
const farAway = ["192.0.2.1", "2001:db8::1"] as const;
const discardPort = 9;

export function machineAddresses(): readonly LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map(({ address, cidr, internal }) => ({ name, address, cidr, internal })),
  );
}

/** Asks the system which address it would send from; a family without a default route has none. */
export async function defaultSources(): Promise<RoutedFrom> {
  const sources = await Promise.all(farAway.map(sourceTowards));
  return sources.filter((source) => source !== undefined);
}

function sourceTowards(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const finish = (source: string | undefined): void => {
      socket.close();
      resolve(source);
    };
    socket.once("error", () => finish(undefined));
    // Connecting a datagram socket only looks the route up.
    socket.connect(discardPort, address, () => finish(socket.address().address));
  });
}
