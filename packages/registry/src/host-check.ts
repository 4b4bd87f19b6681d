import { isIP } from "node:net";

import { ParleyError } from "@parley/protocol";

export interface HostRules {
  /** Origin of this registry as devices know it. */
  readonly origin: string;
  /** The address it listens on. */
  readonly host: string;
  /** It speaks TLS itself. */
  readonly isSecure: boolean;
  readonly allowedOrigins: readonly string[];
}

/**
 * Refuses requests that a web page made a browser send here under a name of its own (DNS rebinding): the Host is an
 * address, `localhost`, or a name that we were told. Throws `forbidden`.
 */
export function checkHost(hostHeader: string | undefined, rules: HostRules): void {
  const url = hostHeader === undefined ? undefined : URL.parse(`http://${hostHeader}`);
  const name = url?.hostname.replace(/^\[(.*)\]$/, "$1") ?? "";
  const own = [rules.host.toLowerCase(), new URL(rules.origin).hostname];
  if (isIP(name) !== 0 || name === "localhost" || own.includes(name)) return;
  throw new ParleyError("forbidden", { message: "This registry is not known by that name; set its public origin." });
}

/** Refuses web pages of other origins. Programs send no Origin. Throws `forbidden`. */
export function checkOrigin(originHeader: string | undefined, hostHeader: string | undefined, rules: HostRules): void {
  if (originHeader === undefined) return;
  const isOwn =
    originHeader === rules.origin || originHeader === `${rules.isSecure ? "https" : "http"}://${hostHeader ?? ""}`;
  if (isOwn || rules.allowedOrigins.includes(originHeader)) return;
  throw new ParleyError("forbidden", { message: "Web pages of this origin may not use the registry." });
}
