/** Why something went the way it went, in words: one sentence part for each code of `pathReasons`. */
import { type LinkFailure, type PathReason, pathReasons } from "@parley/client";
import type { Path } from "@parley/protocol";

type PlainReason = Exclude<PathReason, `link-failed:${string}`>;

const plainTexts: Readonly<Record<PlainReason, string>> = {
  "direct-link": "a link is open and nothing stands between the two devices",
  "turn-no-direct-pair": "a link is open through TURN, as no direct one came about",
  "turn-by-policy": "a link is open through TURN, as this device's link policy demands",
  "link-opening": "a link was still opening, and nothing waits for that",
  "link-not-tried": "no link was up, as none was needed before",
  "links-forbidden": "the allowed paths leave no room for a link",
  "path-forbidden": "a link is open, but by a path that is not allowed",
  "own-links-off": "this device makes no links",
  "peer-links-off": "the other device makes no links",
  "not-connected": "the recipient was not connected",
  "no-inbox-holder": "no instance of the agent was taking messages",
};

const failureTexts: Readonly<Record<LinkFailure, string>> = {
  "ice-failed": "the two devices found no way to each other",
  "dtls-failed": "its encryption could not be set up",
  "fingerprint-mismatch": "the other end was not who it should be",
  "bad-signal": "a signal of the other device was not valid",
  "bad-message": "the other device sent bytes that are no frame",
  "unexpected-channel": "the other device opened a channel that it should not",
  "send-overflow": "more waited to be sent than the link takes",
  "send-failed": "the link refused to send",
  "remote-closed": "the other device closed it",
  timeout: "it did not open in time",
  refused: "the other device refused it",
  "no-links": "the other device makes no links",
  unproven: "the other device did not prove who it is",
  unanswered: "the other device stopped answering",
  "lease-expired": "a membership lease ran out",
  "only-turn": "only TURN was left, which the allowed paths leave out",
  "gave-way": "it gave way to one that was needed more",
  replaced: "another link took its place",
  idle: "it was idle",
  unlisted: "its device was taken off its member's list",
  revoked: "its member was revoked",
  restarted: "the other device started anew",
  stopped: "the device stopped",
  closed: "it was closed",
  failed: "it failed",
};

const failed = "link-failed:";
const isKnown = (reason: string): reason is PathReason => (pathReasons as readonly string[]).includes(reason);

/** A part of a sentence, without its full stop. A code of a newer version is shown as it is. */
export function pathReasonText(reason: string, path?: Path): string {
  if (!isKnown(reason)) return reason;
  const isLink = path === undefined || path === "direct" || path === "turn";
  // What is known at the end may be more than what was so when it left.
  if (!isLink && (reason === "direct-link" || reason.startsWith("turn-")))
    return "the link opened only after it had left";
  if (reason.startsWith(failed))
    return `the last link ended or did not open: ${failureTexts[reason.slice(failed.length) as LinkFailure]}`;
  return plainTexts[reason as PlainReason];
}
