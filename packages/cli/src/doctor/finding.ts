import type { Home, HomeMesh } from "@parley/client/node";
import type { NodeInfo } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { NetworkFacts } from "./network-facts.ts";
import type { SessionFacts } from "./session-facts.ts";

/** `left-out`: it could not be looked at, for the reason given. */
export type Verdict = "ok" | "warning" | "fault" | "left-out";

/** What a check found. */
export interface Finding {
  readonly verdict: Verdict;
  /** Stable, for programs: `ok`, or what is wrong. */
  readonly code: string;
  readonly says: string;
  /** What to do about it. */
  readonly advice?: string;
  /** What was seen, for programs. */
  readonly details?: object;
}

/** What the checks share; each part is looked at once. */
export interface DoctorFacts {
  readonly context: CommandContext;
  /** The home folder, if it can be used at all. */
  readonly home: () => Promise<Home>;
  /** Undefined when the home never paired. */
  readonly mesh: () => Promise<HomeMesh | undefined>;
  /** Where the registry is: the mesh's, else the one that somebody set; undefined when none is known. */
  readonly registry: () => Promise<string | undefined>;
  /** What the registry says about itself, and its time against ours. Throws `unreachable`. */
  readonly node: () => Promise<{ readonly info: NodeInfo; readonly skewMs: number }>;
  /** What a session with the registry shows. */
  readonly session: () => Promise<SessionFacts>;
  /** What STUN and TURN servers show; undefined when there is neither a session that names some nor any of one's own. */
  readonly network: () => Promise<NetworkFacts | undefined>;
}

/** One check: a row of the table of checks. */
export interface DoctorCheck {
  readonly name: string;
  readonly about: string;
  readonly run: (facts: DoctorFacts) => Promise<Finding>;
}

export const fine = (says: string): Finding => ({ verdict: "ok", code: "ok", says });
export const fault = (code: string, says: string, advice: string): Finding => ({
  verdict: "fault",
  code,
  says,
  advice,
});
export const warning = (code: string, says: string, advice: string): Finding => ({
  verdict: "warning",
  code,
  says,
  advice,
});
export const leftOut = (says: string): Finding => ({ verdict: "left-out", code: "left_out", says });
