/** The network as links need it. */
import type { IceServer } from "@parley/core";

import { type DoctorCheck, type DoctorFacts, fault, type Finding, fine, leftOut, warning } from "./finding.ts";
import { probeLoopback, probeStun } from "./udp-probe.ts";

const defaultStunPort = 3478;
const mostStunProbes = 3;

/** Judges the servers that the registry names for links. */
export function judgeTurn(servers: readonly IceServer[]): Finding {
  const urls = servers.flatMap(({ urls: listed }) => listed);
  if (urls.some((url) => /^turns?:/.test(url)))
    return fine(`The registry names ${urls.filter((url) => /^turns?:/.test(url)).join(", ")}.`);
  return warning(
    "no_turn",
    "The registry names no TURN server: where no direct link is possible, everything goes by relay.",
    "Run a TURN server such as coturn, and `parley up` with --turn-urls and PARLEY_TURN_SECRET.",
  );
}

/** Host and port of a `stun:` or `turn:` address (RFC 7064, RFC 7065). */
export function stunAddress(url: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:stun|turn):(?:\[([^\]]+)\]|([^:?[\]]+))(?::(\d{1,5}))?/.exec(url);
  const host = match?.[1] ?? match?.[2];
  return host === undefined ? undefined : { host, port: Number(match?.[3] ?? defaultStunPort) };
}

async function turn({ session }: DoctorFacts): Promise<Finding> {
  const facts = await session().catch(() => undefined);
  return facts === undefined ? leftOut("It takes a session with the registry to know.") : judgeTurn(facts.ice);
}

async function udp({ context, session }: DoctorFacts): Promise<Finding> {
  const advice = "Let UDP through the firewall. Until then everything goes by relay, which works and is slower.";
  const local = await probeLoopback(context.settings.get("link-address"));
  if (local !== undefined) return fault("udp_blocked", `Datagrams do not pass on this machine (${local}).`, advice);
  const facts = await session().catch(() => undefined);
  const addresses = (facts?.ice ?? [])
    .flatMap(({ urls }) => urls.flatMap((url) => stunAddress(url) ?? []))
    .slice(0, mostStunProbes);
  if (addresses.length === 0) return fine("Datagrams pass on this machine; no STUN server is named to try further.");
  const results = await Promise.all(addresses.map(({ host, port }) => probeStun(host, port)));
  if (results.includes(undefined)) return fine("Datagrams pass to the STUN server and back.");
  return fault("udp_blocked", `No STUN server answers (${addresses[0]?.host ?? ""}: ${results[0] ?? ""}).`, advice);
}

export const networkChecks: readonly DoctorCheck[] = [
  { name: "udp", about: "datagrams pass, as links need", run: udp },
  { name: "turn", about: "there is a TURN server for where no direct link is possible", run: turn },
];
