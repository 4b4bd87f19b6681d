import { errorTable, type ErrorCode, type ParleyError } from "@parley/protocol";

import { toWireError } from "./wire-error.ts";

/** On every answer, refusals included: nothing of it is a page's to use. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-store",
};

/** Where the registry is reached by TLS: browsers come by TLS from then on (RFC 6797). */
export const transportSecurity: readonly [string, string] = ["strict-transport-security", "max-age=31536000"];

/** What was refused for what it takes may go on; on this connection it does not. */
const closing: readonly ErrorCode[] = ["rate_limited", "limit_reached", "too_slow", "too_large", "headers_too_large"];
const retryAfterSeconds = "1";

/** Headers that an error's answer has besides. */
export function errorHeaders({ code }: ParleyError): Readonly<Record<string, string>> {
  return {
    ...(closing.includes(code) ? { connection: "close" } : {}),
    ...(errorTable[code].status === 429 ? { "retry-after": retryAfterSeconds } : {}),
  };
}

/** A whole answer as text, for a connection that no request was read from. */
export function rawAnswer(error: ParleyError): string {
  const body = JSON.stringify({ error: toWireError(error) });
  const headers = {
    ...securityHeaders,
    ...errorHeaders(error),
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${errorTable[error.code].status} Refused`, ...lines, "", body].join("\r\n");
}
