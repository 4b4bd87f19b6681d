/**
 * What an address counts as where attempts are limited: an IPv6 address by its first 64 bits, because one household or one host has
 * them all (RFC 6177), an IPv4 address, also one mapped into IPv6 (RFC 4291 section 2.5.5.2), by itself.
 */
export function sourceOf(address: string): string {
  const bare = address.replace(/%.*$/, "").toLowerCase();
  if (!bare.includes(":")) return bare;
  const mapped = /^(?:0{0,4}:)*:?(?:0{0,4}:)*ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = bare.split("::");
  const groups = (text: string): string[] => text.split(":").filter((group) => group !== "");
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const all = [...front, ...Array.from({ length: zeros }, () => "0"), ...back];
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
