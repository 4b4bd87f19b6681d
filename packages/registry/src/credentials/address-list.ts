import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Whether an address is one of a list of addresses and ranges. An IPv4 address in IPv6 dress (RFC 4291 section 2.5.5.2) is the IPv4 address. */
export function isAddressListed(address: string, list: readonly string[]): boolean {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  // A link-local address may name its interface.
  const bare = plain.split("%")[0] ?? "";
  if (!isIPv4(bare) && !isIPv6(bare)) return false;
  const allowed = new BlockList();
  for (const entry of list) {
    const [network = "", prefix] = entry.split("/");
    const family = isIPv4(network) ? "ipv4" : "ipv6";
    if (prefix === undefined) allowed.addAddress(network, family);
    else allowed.addSubnet(network, Number(prefix), family);
  }
  return allowed.check(bare, isIPv4(bare) ? "ipv4" : "ipv6");
}
