/** The network as links need it. */
import { expectedPath, natKinds, type NatKind, type PathMeans } from "../stun/nat-kind.ts";
import type { NatFindings } from "../stun/nat-probe.ts";
import { type DoctorCheck, type DoctorFacts, fault, type Finding, fine, leftOut, warning } from "./finding.ts";
import type { NetworkFacts, ServerTrial, TurnServerTrial } from "./network-facts.ts";
import { judgeTurnTrial } from "./turn-judge.ts";
import { probeLoopback } from "./udp-probe.ts";

const needsSession = leftOut("It takes a session with the registry to know.");
const openUdp = "Let UDP through the firewall. Until then everything goes by relay, which works and is slower.";
const nameStun =
  "Name one with `parley up --stun-urls`, or for this device with ice-servers; docs/networks.md says how.";
const milliseconds = (value: number): string => `${Math.max(1, Math.round(value))} ms`;

async function udp({ context, network }: DoctorFacts): Promise<Finding> {
  const local = await probeLoopback(context.settings.get("link-address"));
  if (local !== undefined) return fault("udp_blocked", `Datagrams do not pass on this machine (${local}).`, openUdp);
  const facts = await network();
  if (facts === undefined || facts.stun.length + facts.turn.length === 0)
    return fine("Datagrams pass on this machine; no STUN server is named to try further.");
  if (facts.nat.mapped !== undefined) return fine("Datagrams pass to a STUN server and back.");
  const because = facts.nat.because === undefined ? "" : `: ${facts.nat.because}`;
  return fault("udp_blocked", `No STUN server answers over UDP${because}.`, openUdp);
}

/** Judges the STUN servers one by one; what all of them share, the check of UDP says. */
export function judgeStun(trials: readonly ServerTrial[]): Finding {
  const silent = trials.filter(({ answeredMs }) => answeredMs === undefined);
  const says = trials
    .map(
      ({ url, answeredMs }) =>
        `${url} ${answeredMs === undefined ? "is silent" : `answers in ${milliseconds(answeredMs)}`}`,
    )
    .join(", ");
  if (trials.length === 0) return leftOut("No STUN server is configured.");
  if (silent.length === trials.length) return { ...leftOut("None answers; see udp."), details: { servers: trials } };
  const finding =
    silent.length === 0
      ? fine(`${says}.`)
      : warning("stun_silent", `${says}.`, "Check those STUN servers, and take off the list what is gone.");
  return { ...finding, details: { servers: trials } };
}

const kindsInWords: Readonly<Record<NatKind, string>> = {
  public: "No NAT: this device is reached from everywhere.",
  "full-cone": "NAT, full cone: whoever knows the address gets in.",
  "address-restricted": "NAT or firewall, address-restricted: machines that were sent something get in.",
  "port-restricted": "NAT or firewall, port-restricted: only those ports that were sent something get in.",
  symmetric: "NAT, symmetric: another port for each destination.",
  "udp-blocked": "UDP is blocked: no links, everything goes by relay.",
  "tcp-443-only": "Nothing but TCP to port 443 gets out: no links, everything goes by relay.",
};

/** Names the kind of NAT, or says what is missing to know it. */
export function judgeKind(nat: NatFindings): Finding {
  const { kind, mapped, because } = nat;
  const details = { ...nat };
  const seen = mapped === undefined ? "" : ` Seen from outside as ${mapped.address}:${mapped.port}.`;
  if (kind === "unknown") {
    const known = mapped === undefined ? "" : ` What is known: mapping ${nat.mapping}, filtering ${nat.filtering}.`;
    return { ...leftOut(`unknown; ${because ?? "it could not be told"}.${known}${seen}`), advice: nameStun, details };
  }
  return { ...fine(`${kindsInWords[kind]}${seen}`), details };
}

/** The worst of the TURN servers; without any, what that means. */
export function judgeTurn(trials: readonly TurnServerTrial[], now: number): Finding {
  const details = { servers: trials.map(({ url, outcome }) => ({ url, ...outcome })) };
  if (trials.length === 0)
    return warning(
      "no_turn",
      "The registry names no TURN server: where no direct link is possible, everything goes by relay.",
      "Run a TURN server such as coturn (`parley turn config`), and `parley up` with --turn-urls and PARLEY_TURN_SECRET.",
    );
  const findings = trials.map((trial) => judgeTurnTrial(trial, now));
  const worst = findings.find(({ verdict }) => verdict === "fault") ?? findings.find(({ verdict }) => verdict !== "ok");
  return { ...(worst ?? fine(findings.map(({ says }) => says).join(" "))), details };
}

/** The path towards a peer behind each kind of network. */
export const pathsTowards = (own: NatKind, means: PathMeans): Readonly<Record<NatKind, string>> =>
  Object.fromEntries(natKinds.map((peer) => [peer, expectedPath(own, peer, means)])) as Record<NatKind, string>;

/** Which of them there is, besides a direct link. */
export const meansOf = ({ turn }: NetworkFacts, policy: string): PathMeans => ({
  turn: turn.some(({ outcome }) => outcome.state === "works"),
  relay: true,
  direct: policy !== "relay",
});

export function judgePaths(nat: NatFindings, means: PathMeans): Finding {
  if (nat.kind === "unknown")
    return leftOut(
      `unknown, as the kind of NAT is: direct where both networks let it, else ${means.turn ? "turn, else relay" : "relay"}.`,
    );
  const paths = pathsTowards(nat.kind, means);
  const byPath = [...new Set(Object.values(paths))].map((path) => {
    const kinds = natKinds.filter((kind) => paths[kind] === path);
    return `${path} to ${kinds.length === natKinds.length ? "all" : kinds.join(", ")}`;
  });
  return {
    ...fine(`By what the other side is behind: ${byPath.join("; ")}.`),
    details: { own: nat.kind, means, paths },
  };
}

/** Checks that have nothing to look at without a session or servers of one's own. */
const withNetwork =
  (judge: (network: NetworkFacts, facts: DoctorFacts) => Finding) =>
  async (facts: DoctorFacts): Promise<Finding> => {
    const network = await facts.network();
    return network === undefined ? needsSession : judge(network, facts);
  };

export const networkChecks: readonly DoctorCheck[] = [
  { name: "udp", about: "datagrams pass, as links need", run: udp },
  { name: "stun", about: "the STUN servers answer", run: withNetwork(({ stun }) => judgeStun(stun)) },
  { name: "nat", about: "what stands between this device and the rest", run: withNetwork(({ nat }) => judgeKind(nat)) },
  {
    name: "turn",
    about: "there is a TURN server for where no direct link is possible, and it relays",
    run: withNetwork(({ turn }) => judgeTurn(turn, Date.now())),
  },
  {
    name: "paths",
    about: "which path will be used, by what the other side is behind",
    run: withNetwork((network, { context }) =>
      judgePaths(network.nat, meansOf(network, context.settings.get("link-policy"))),
    ),
  },
];
