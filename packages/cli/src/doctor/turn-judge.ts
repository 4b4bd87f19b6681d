/** What the trial of a TURN server means, and what to change. */
import { fault, type Finding, fine, warning } from "./finding.ts";
import type { TurnServerTrial } from "./network-facts.ts";

const quotaReached = 486;
const noRoom = 508;
const forbidden = 403;
const unauthorized = 401;

/** Names of ephemeral credentials begin with the second of their end (draft-uberti-behave-turn-rest-00). */
function endOf(username: string | undefined): number | undefined {
  const digits = /^(\d{9,12})(?::|$)/.exec(username ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits) * 1000;
}

/** Judges one server; `now` in milliseconds since 1970. */
export function judgeTurnTrial({ url, username, outcome }: TurnServerTrial, now: number): Finding {
  switch (outcome.state) {
    case "works":
      return fine(
        `${url} relays: allocated in ${Math.ceil(outcome.allocateMs)} ms, there and back in ${Math.ceil(outcome.throughMs)} ms.`,
      );
    case "silent":
      return fault(
        "turn_unreachable",
        `${url} does not answer over UDP.`,
        "Check that the TURN server runs, its address and port, and that firewalls let UDP through to it.",
      );
    case "unresolved":
      return fault(
        "turn_unreachable",
        `The name in ${url} has no address.`,
        "Correct the name, or this machine's DNS.",
      );
    case "no-credentials":
      return fault(
        "turn_refused",
        `${url} is named without a name and a password.`,
        "Set turn-secret for the registry, or ice-username and ice-credential for this device.",
      );
    case "not-tried":
      return warning(
        "turn_unused",
        `${url} is over TCP or TLS, which devices on Node do not use.`,
        "Name the TURN server over UDP as well; where UDP is blocked, everything goes by relay.",
      );
    case "lost":
      return fault(
        "turn_lost",
        `${url} gives an address, and nothing passes through it.`,
        "Open the TURN server's UDP ports for relayed traffic (min-port to max-port), and set its external-ip behind a NAT.",
      );
    case "refused":
      return judgeRefusal(url, outcome.code, endOf(username), now);
  }
}

function judgeRefusal(url: string, code: number, end: number | undefined, now: number): Finding {
  if (code === unauthorized && end !== undefined && end <= now)
    return fault(
      "turn_expired",
      `${url} refuses credentials that ended ${Math.ceil((now - end) / 1000)} s ago.`,
      "Set the clocks of registry and TURN server, or renew the credentials of ice-username.",
    );
  if (code === unauthorized)
    return fault(
      "turn_refused",
      `${url} refuses the credentials (401).`,
      "Give the registry (turn-secret) and the TURN server (static-auth-secret) the same secret, and set their clocks.",
    );
  if (code === quotaReached || code === noRoom)
    return fault(
      "turn_full",
      `${url} has no room left (${code}).`,
      "Raise user-quota and total-quota of the TURN server, and its range of ports.",
    );
  const advice =
    code === forbidden
      ? "Let the TURN server's own address out of its denied-peer-ip."
      : "See the TURN server's log for why it refuses.";
  return fault("turn_refused", `${url} refuses an allocation (${code}).`, advice);
}
