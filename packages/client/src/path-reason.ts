/** Why something goes the way it goes: one short code, for a message, `doctor` and metrics. */
import type { Path } from "@parley/protocol";

import type { AllowedPaths } from "./delivery.ts";
import { type LinkFailure, linkFailures } from "./link-failure.ts";
import { allowsLinks } from "./path-rules.ts";

const plainReasons = [
  "direct-link",
  "turn-no-direct-pair",
  "turn-by-policy",
  "link-opening",
  "link-not-tried",
  "links-forbidden",
  "path-forbidden",
  "own-links-off",
  "peer-links-off",
  "not-connected",
  "no-inbox-holder",
] as const;
/**
 * - `direct-link`: a link is open, and nothing stands between the two devices.
 * - `turn-no-direct-pair`: a link is open through TURN, since no direct pair of candidates worked.
 * - `turn-by-policy`: a link is open through TURN, since this device's policy is `relay`.
 * - `link-opening`: a link is being set up.
 * - `link-not-tried`: none was needed so far, or it went when it was idle.
 * - `link-failed:X`: the last attempt came to nothing, or the last link ended, with X.
 * - `links-forbidden`: the sender's rule leaves no room for a link.
 * - `path-forbidden`: a link is open, by a path that the sender's rule leaves out.
 * - `own-links-off`, `peer-links-off`: this device makes no links, or the other one.
 * - `not-connected`: the recipient's device is not connected.
 * - `no-inbox-holder`: the recipient is an agent of which no instance holds the inbox.
 */
export type PathReason = (typeof plainReasons)[number] | `link-failed:${LinkFailure}`;

/** Every reason there is. */
export const pathReasons: readonly PathReason[] = [
  ...plainReasons,
  ...linkFailures.map((failure) => `link-failed:${failure}` as const),
];

/** What is known of the ways to a device. */
export interface PathFacts {
  /** Path of the open link, if there is one. */
  readonly link: Path | undefined;
  readonly policy: "all" | "relay";
  /** Whether this device and the other one make links at all. */
  readonly ownLinks: boolean;
  readonly peerLinks: boolean;
  readonly opening: boolean;
  readonly lastFailure: LinkFailure | undefined;
  /** Whether the registry says that the other device is connected. */
  readonly connected: boolean;
  /** False when what is sent is for an inbox that no instance holds. Default true. */
  readonly inboxHeld?: boolean;
}

/** The reason of the path that something sent now under a rule takes. */
export function reasonOf(facts: PathFacts, paths?: AllowedPaths): PathReason {
  const { link, connected } = facts;
  if (link !== undefined && (paths === undefined || paths.includes(link))) {
    if (link === "direct") return "direct-link";
    return facts.policy === "relay" ? "turn-by-policy" : "turn-no-direct-pair";
  }
  if (!connected) return "not-connected";
  if (facts.inboxHeld === false) return "no-inbox-holder";
  return allowsLinks(paths) ? noLink(facts) : "links-forbidden";
}

function noLink(facts: PathFacts): PathReason {
  if (!facts.ownLinks) return "own-links-off";
  if (!facts.peerLinks) return "peer-links-off";
  if (facts.opening) return "link-opening";
  if (facts.link !== undefined) return "path-forbidden";
  return facts.lastFailure === undefined || facts.lastFailure === "idle"
    ? "link-not-tried"
    : `link-failed:${facts.lastFailure}`;
}
