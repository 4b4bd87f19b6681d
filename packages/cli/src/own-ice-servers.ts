/** The STUN and TURN servers that this device has of its own: `ice-servers`, with the name and password for TURN. */
import type { IceServer } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Configuration } from "./configuration.ts";

const mostServers = 8;
/** RFC 7064 and RFC 7065: a scheme, a host, perhaps a port and a transport; no path and no name before an `@`. */
const urlPattern = /^(stuns?|turns?):(?:\[[\da-f:.]{2,45}\]|[\w.-]{1,253})(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?$/i;

/** Throws `invalid_config` for an address that is none, or TURN without name and password. */
export function ownIceServers(settings: Configuration): readonly IceServer[] {
  const urls = settings.get("ice-servers") ?? [];
  if (urls.length > mostServers) throw wrong(`lists more than ${mostServers} ICE servers`);
  const bad = urls.find((url) => !urlPattern.test(url));
  if (bad !== undefined) throw wrong(`"${bad}" is not of the form stun:host:port or turn:host:port`);
  const isTurn = (url: string): boolean => /^turns?:/i.test(url);
  const [stun, turn] = [urls.filter((url) => !isTurn(url)), urls.filter(isTurn)];
  const [username, credential] = [settings.get("ice-username"), settings.get("ice-credential")];
  if (turn.length > 0 && (username === undefined || credential === undefined))
    throw wrong("names a TURN server, which needs PARLEY_ICE_USERNAME and PARLEY_ICE_CREDENTIAL as well");
  return [
    ...(stun.length === 0 ? [] : [{ urls: stun }]),
    ...(turn.length === 0 || username === undefined || credential === undefined
      ? []
      : [{ urls: turn, username, credential }]),
  ];
}

const wrong = (problem: string): ParleyError =>
  new ParleyError("invalid_config", { message: `ice-servers ${problem}.` });
