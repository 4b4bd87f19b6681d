/** Addresses of STUN and TURN servers (RFC 7064, RFC 7065). */

export interface IceUrl {
  readonly url: string;
  readonly kind: "stun" | "turn";
  /** `tls` for the schemes `stuns` and `turns`. */
  readonly transport: "udp" | "tcp" | "tls";
  readonly host: string;
  readonly port: number;
}

const ports = { plain: 3478, tls: 5349 } as const;
const pattern = /^(stun|turn)(s?):(?:\[([\da-f:.]{2,45})\]|([\w.-]{1,253}))(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i;

/** Undefined for anything else. */
export function readIceUrl(url: string): IceUrl | undefined {
  const match = pattern.exec(url);
  const [, kind = "", secure = "", bracketed, name, digits, transport = "udp"] = match ?? [];
  const host = bracketed ?? name;
  const isSecure = secure !== "";
  const port = digits === undefined ? (isSecure ? ports.tls : ports.plain) : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return {
    url,
    kind: kind.toLowerCase() === "turn" ? "turn" : "stun",
    transport: isSecure ? "tls" : transport.toLowerCase() === "tcp" ? "tcp" : "udp",
    host,
    port,
  };
}
