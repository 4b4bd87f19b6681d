/** Why a link ended, or did not open: a bounded list, fit for counters and for a reason that is shown. */
export const linkFailures = [
  "ice-failed",
  "dtls-failed",
  "fingerprint-mismatch",
  "bad-signal",
  "bad-message",
  "unexpected-channel",
  "send-overflow",
  "send-failed",
  "remote-closed",
  "timeout",
  "refused",
  "no-links",
  "unproven",
  "unanswered",
  "lease-expired",
  "only-turn",
  "gave-way",
  "replaced",
  "idle",
  "unlisted",
  "revoked",
  "restarted",
  "stopped",
  "closed",
  "failed",
] as const;
export type LinkFailure = (typeof linkFailures)[number];

const known: ReadonlySet<string> = new Set(linkFailures);

/** The failure that a reason names; `failed` for one that no list knows. */
export const linkFailureOf = (reason: string): LinkFailure => (known.has(reason) ? (reason as LinkFailure) : "failed");
