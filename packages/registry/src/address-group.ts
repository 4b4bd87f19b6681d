import { isIP, isIPv4 } from "node:net";

/** Groups of 16 bits in an IPv6 address, and of those the ones that name a network (RFC 6177: a site gets a /64 or more). */
const groups = 8;
const networkGroups = 4;

/** An address as it is compared: without a zone, and IPv4 as such where it was mapped (RFC 4291 section 2.5.5.2). Undefined for what is none. */
export function plainAddress(text: string): string | undefined {
  const address = text.replace(/%.*$/, "").toLowerCase();
  if (isIP(address) === 0) return undefined;
  if (isIPv4(address)) return address;
  const words = wordsOf(address);
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    const [high = 0, low = 0] = words.slice(6);
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  // As everybody writes it (RFC 5952).
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/**
 * What everything that counts by address counts by: an IPv4 address, and of IPv6 the /64, which one household or machine
 * has all of. What is no address stands for itself.
 */
export function addressGroup(text: string): string {
  const address = plainAddress(text);
  if (address === undefined) return text;
  if (isIPv4(address)) return address;
  const network = wordsOf(address).slice(0, networkGroups);
  return `${network.map((word) => word.toString(16)).join(":")}::/64`;
}

/** The eight groups of a valid IPv6 address. */
function wordsOf(address: string): readonly number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_match, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = "", tail] = hex.split("::", 2);
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: groups - before.length - after.length }, () => "0");
  return [...before, ...(tail === undefined ? [] : zeros), ...after].map((word) => Number.parseInt(word, 16));
}
