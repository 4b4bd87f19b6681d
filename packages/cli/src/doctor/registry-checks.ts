/** The registry: reachable, of a version that fits, the one that was paired with, on time, and letting this member in. */
import { callRoute, checkPairing } from "@parley/client";
import { type MeshTrust, peekStatement } from "@parley/core";
import { limits, type NodeInfo, ParleyError, protocolVersions, toParleyError } from "@parley/protocol";

import { formatDuration } from "../duration.ts";
import { endingSoon } from "../statement-end.ts";
import { type DoctorCheck, type DoctorFacts, fault, type Finding, fine, leftOut, warning } from "./finding.ts";

/** Above this the clocks are worth setting, though nothing fails yet. */
const skewWarnMs = 10_000;

/** Judges the difference of this machine's clock and the registry's. */
export function judgeSkew(skewMs: number): Finding {
  const ahead = skewMs > 0 ? "ahead of" : "behind";
  const says = `This machine's clock is ${formatDuration(Math.abs(skewMs))} ${ahead} the registry's.`;
  if (Math.abs(skewMs) > limits.clockSkewMs)
    return fault(
      "clock_skew",
      says,
      "Set the clocks of both machines, best by NTP: proofs and statements are refused until then.",
    );
  if (Math.abs(skewMs) > skewWarnMs)
    return warning("clock_skew", says, "Set the clocks of both machines, best by NTP.");
  return fine(says);
}

/** Judges the protocol versions that a registry offers. */
export function judgeVersion(version: string, offered: readonly number[]): Finding {
  const common = offered.filter((number) => protocolVersions.includes(number));
  if (common.length > 0) return fine(`The registry is ${version}; both sides speak protocol ${Math.max(...common)}.`);
  const older = Math.max(0, ...offered) < Math.max(...protocolVersions) ? "The registry" : "This Parley";
  return fault(
    "unsupported_version",
    `The registry is ${version} and speaks protocol ${offered.join(", ") || "none"}; this Parley speaks ${protocolVersions.join(", ")}.`,
    `${older} is too old: update it.`,
  );
}

/** Whether a node holds a key certified by the operators that were pinned. */
async function judgeNode(info: NodeInfo, trust: MeshTrust): Promise<Finding> {
  const advice = "Do not go on: check the address, and ask an operator whether the registry was set up anew.";
  if (info.mesh === undefined || info.operators === undefined || info.certificate === undefined) {
    return fault(
      "registry_key_mismatch",
      "The registry belongs to no mesh yet; it is not the one that this device paired with.",
      advice,
    );
  }
  try {
    if (info.mesh !== trust.mesh) throw new ParleyError("registry_key_mismatch");
    await trust.acceptOperators(info.operators);
    const { node, key } = await trust.verifyNode(info.certificate);
    if (node !== info.node || key !== info.key) throw new ParleyError("registry_key_mismatch");
    return fine("The registry's key is certified by the operators that this device pinned.");
  } catch (error) {
    const { code, message } = toParleyError(error);
    return fault(code, message, advice);
  }
}

async function reachable({ registry, node }: DoctorFacts): Promise<Finding> {
  const origin = await registry();
  if (origin === undefined) return leftOut("No registry is known here yet.");
  try {
    await node();
    return fine(`The registry at ${origin} answers.`);
  } catch (error) {
    return fault(
      "unreachable",
      toParleyError(error).message,
      "Check the address and the network between, and that `parley up` runs there.",
    );
  }
}

async function version({ registry, context }: DoctorFacts): Promise<Finding> {
  const { body } = await callRoute((await registry()) ?? "", "version", {}, { signal: context.signal });
  return judgeVersion(body.version, body.protocol);
}

async function clock({ node }: DoctorFacts): Promise<Finding> {
  return judgeSkew((await node()).skewMs);
}

async function registryKey({ mesh, node }: DoctorFacts): Promise<Finding> {
  const known = await mesh();
  return known === undefined
    ? leftOut("This home folder has pinned no mesh.")
    : judgeNode((await node()).info, known.trust);
}

/** What refuses a session, and what to do about it. */
const refusals: Readonly<Record<string, string>> = {
  revoked: "Ask an operator why; a revoked member does not come back under its key.",
  rejected: "Ask an operator, and pair again with a new invite.",
  not_admitted: "Ask an operator for `parley member approve`.",
  expired: "Ask an operator to renew the admission.",
  superseded: "A copy of this device runs elsewhere: stop one of the two.",
  device_in_use: "Stop the other process, or use another home folder.",
  clock_skew: "Set the clocks of both machines.",
};

async function admission({ mesh, home, session, context }: DoctorFacts): Promise<Finding> {
  const known = await mesh();
  if (known === undefined) return leftOut("This home folder has not joined a mesh.");
  const refused = (code: string, message: string): Finding =>
    fault(code, message, refusals[code] ?? "See docs/protocol.md for the code, and the registry's log.");
  if (known.trust.isRevoked(known.identity.member))
    return refused("revoked", `An operator revoked @${known.identity.name}.`);
  try {
    const file = await (await home()).meshFile();
    if (file?.state !== "admitted" && file?.pairing !== undefined) {
      const outcome = await checkPairing({ ...known, pairing: file.pairing }, { signal: context.signal });
      if (outcome.state === "pending")
        return refused("not_admitted", `An operator has not approved @${known.identity.name} yet.`);
    }
    const { name } = await session();
    return fine(`@${name} is admitted and connects.`);
  } catch (error) {
    const { code, message } = toParleyError(error);
    return refused(code, message);
  }
}

/** Judges how long this member and the node are vouched for. */
export function judgeEnds(ends: { readonly admission: number; readonly certificate: number }, now: number): Finding {
  const admission = endingSoon(ends.admission, now);
  if (admission !== undefined)
    return warning(
      "expired",
      `The admission of this member ${admission}.`,
      "Ask an operator for `parley member renew`.",
    );
  const certificate = endingSoon(ends.certificate, now);
  if (certificate === undefined)
    return fine("The admission and the certificate of the node last for a month and more.");
  return warning(
    "expired",
    `The certificate of the registry's node ${certificate}.`,
    "An operator's device renews it while it is connected; `parley operator certify` does so at once.",
  );
}

async function ends({ session, node }: DoctorFacts): Promise<Finding> {
  const { info } = await node();
  const { admittedUntil } = await session();
  const certificate = peekStatement("node", info.certificate ?? "").exp;
  return judgeEnds({ admission: admittedUntil, certificate }, Date.now());
}

/** Checks that need the registry are left out when it does not answer. */
const needsNode =
  (check: (facts: DoctorFacts) => Promise<Finding>) =>
  async (facts: DoctorFacts): Promise<Finding> =>
    (await facts.node().then(
      () => undefined,
      () => leftOut("The registry does not answer."),
    )) ?? check(facts);

/** Nothing is proved to a registry that is not the one paired with. */
const needsRightNode =
  (check: (facts: DoctorFacts) => Promise<Finding>) =>
  async (facts: DoctorFacts): Promise<Finding> =>
    (await registryKey(facts)).verdict === "fault"
      ? leftOut("The registry is not the one that this device paired with.")
      : check(facts);

/** What refuses a session is told by the check before. */
const needsSession =
  (check: (facts: DoctorFacts) => Promise<Finding>) =>
  async (facts: DoctorFacts): Promise<Finding> =>
    (await facts.session().then(
      () => undefined,
      () => leftOut("There is no session with the registry."),
    )) ?? check(facts);

export const registryChecks: readonly DoctorCheck[] = [
  { name: "registry", about: "the registry answers", run: reachable },
  { name: "version", about: "both sides share a protocol version", run: needsNode(version) },
  { name: "clock", about: "the clocks agree", run: needsNode(clock) },
  { name: "registry-key", about: "it is the registry that this device paired with", run: needsNode(registryKey) },
  {
    name: "admission",
    about: "this member is admitted, not revoked, and connects",
    run: needsNode(needsRightNode(admission)),
  },
  {
    name: "ends",
    about: "the admission and the node's certificate do not end soon",
    run: needsNode(needsRightNode(needsSession(ends))),
  },
];
