/** Who can connect to what `up` opens: other machines only by TLS, through a named proxy, or when that was said twice. */
import { isLoopbackHost } from "@parley/door";
import { ParleyError } from "@parley/protocol";
import { TrustedProxies } from "@parley/registry";

import type { Configuration } from "./configuration.ts";

export interface Exposure {
  readonly proxies: TrustedProxies;
  /** Nobody but the proxies and this machine may connect: what they send is not encrypted. */
  readonly onlyProxies: boolean;
}

/** Throws `invalid_config` for an address that others reach, with neither TLS nor proxies, unless `plaintext` is set as well. */
export function exposureOf(settings: Configuration): Exposure {
  const proxies = new TrustedProxies(settings.get("trusted-proxies"), settings.get("proxy-header") as ProxyHeader);
  const isPlain = settings.get("tls-cert") === undefined && !settings.get("plaintext");
  const isOpen = !isLoopbackHost(settings.get("host"));
  if (isPlain && isOpen && proxies.isEmpty) throw tooOpen("host", settings.get("host"));
  const hasDoor = settings.get("chat-port") !== undefined;
  if (isPlain && hasDoor && !isLoopbackHost(settings.get("chat-host")))
    throw tooOpen("chat-host", settings.get("chat-host"));
  return { proxies, onlyProxies: isPlain && isOpen };
}

type ProxyHeader = "x-forwarded-for" | "forwarded";

function tooOpen(setting: "host" | "chat-host", host: string): ParleyError {
  const proxy =
    setting === "host"
      ? "name the proxies in front of it with --trusted-proxies, "
      : "leave the setting out and let a proxy on this machine pass it on, ";
  return new ParleyError("invalid_config", {
    message: `${setting} ${host} can be reached by other machines, and without TLS they can read along: give --tls-cert and --tls-key, ${proxy}or say --plaintext as well. See docs/transport.md.`,
  });
}
