import type { IncomingMessage } from "node:http";
import { BlockList, isIP, isIPv4 } from "node:net";

import { ParleyError } from "@parley/protocol";

import { addressGroup, plainAddress } from "./address-group.ts";

/** The header in which the proxies say whom they speak for. One of them only: the other would come from whoever asks, unchanged. */
export type ForwardedHeader = "x-forwarded-for" | "forwarded";

/** Proxies in a row that are followed back. */
const mostHops = 16;

/** Who asks: its address, what it is counted by, and whether a named proxy vouched for that. */
export interface ClientAddress {
  readonly address: string;
  readonly group: string;
  readonly viaProxy: boolean;
}

/** The proxies whose word about addresses is taken, and the one place that says where a request comes from. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #header: ForwardedHeader;
  readonly isEmpty: boolean;

  /** Addresses and networks (`10.0.0.0/8`, `fd00::/8`). Throws `invalid_config` for anything else. */
  constructor(proxies: readonly string[] = [], header: ForwardedHeader = "x-forwarded-for") {
    this.isEmpty = proxies.length === 0;
    this.#header = header;
    for (const proxy of proxies) this.#add(proxy);
  }

  has(address: string): boolean {
    const plain = plainAddress(address);
    return !this.isEmpty && plain !== undefined && this.#list.check(plain, isIPv4(plain) ? "ipv4" : "ipv6");
  }

  /**
   * Where a request comes from: the address of its connection, unless that is a named proxy's; then the right-most address in
   * the header that is none. What stands to the left of it may be anybody's invention.
   */
  clientAddress(request: Pick<IncomingMessage, "headers" | "socket">): ClientAddress {
    let address = plainAddress(request.socket.remoteAddress ?? "") ?? "";
    if (!this.has(address)) return { address, group: addressGroup(address), viaProxy: false };
    for (const hop of this.#hops(request.headers)) {
      const plain = plainAddress(hop);
      if (plain === undefined) break;
      address = plain;
      if (!this.has(address)) break;
    }
    return { address, group: addressGroup(address), viaProxy: true };
  }

  /** What the proxies wrote, the nearest first. */
  #hops(headers: IncomingMessage["headers"]): readonly string[] {
    const value = headers[this.#header];
    const text = Array.isArray(value) ? value.join(",") : (value ?? "");
    const entries = text.split(",").slice(-mostHops).toReversed();
    return entries.map((entry) => bareAddress(this.#header === "forwarded" ? forwardedFor(entry) : entry.trim()));
  }

  #add(proxy: string): void {
    const [network = "", bits, more] = proxy.split("/");
    const address = plainAddress(network);
    const family = address === undefined ? 0 : isIP(address);
    const widest = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? widest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (address === undefined || more !== undefined || !(prefix >= 1 && prefix <= widest))
      throw new ParleyError("invalid_config", {
        message: `trusted-proxies: ${proxy.slice(0, 64)} is no address or network like 10.0.0.5 or 10.0.0.0/8.`,
      });
    this.#list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
}

/** The `for` of one element of a Forwarded header (RFC 7239 section 4). */
function forwardedFor(element: string): string {
  const [, value = ""] = /(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]*)/i.exec(element) ?? [];
  return value.replaceAll('"', "").trim();
}

/** Without the port that some proxies add, and the brackets that IPv6 wears with it (RFC 7239 section 6). */
function bareAddress(text: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? [];
  return bracketed ?? (/^\d+(?:\.\d+){3}:\d+$/.test(text) ? text.replace(/:\d+$/, "") : text);
}
