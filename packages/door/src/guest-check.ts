import type { IncomingHttpHeaders } from "node:http";

/** What proxies and tunnels add to what they pass on: their loopback address is not the asker's. */
const forwarded =
  /^(?:x-forwarded.*|x-original.*|forwarded|via|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-.*|cdn-loop|tailscale-.*|ngrok-.*|fly-.*|fastly-.*|x-envoy-.*|x-azure-.*|x-arr-.*|x-amzn-trace-id|x-amz-cf-.*|x-vercel-.*|x-devtunnel-.*)$/;

/** Whether an address is this machine's own (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3). */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)$/i.test(address);
}

/** Whether a host that a listener is bound to, or that a Host header names, is this machine alone. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return name === "localhost" || isLoopback(name);
}

export interface Arrival {
  /** The listener takes connections of this machine only. */
  readonly loopbackListener: boolean;
  readonly address: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Whether somebody at this machine asks, so that it may be a guest: nothing may speak for a proxy or a tunnel between. */
export function mayBeGuest({ loopbackListener, address, headers }: Arrival): boolean {
  if (!loopbackListener || !isLoopback(address)) return false;
  if (Object.keys(headers).some((name) => forwarded.test(name))) return false;
  const host = headers.host === undefined ? undefined : URL.parse(`http://${headers.host}`)?.hostname;
  return host !== undefined && isLoopbackHost(host);
}

/** Whether a web page may connect: programs send no Origin. */
export function isOriginAllowed(origin: string | undefined, allowed: readonly string[]): boolean {
  return origin === undefined || allowed.includes(origin);
}

/** The door token of an `Authorization: Bearer` header. */
export function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer +(\S{1,256})$/i.exec(headers.authorization ?? "")?.[1];
}
