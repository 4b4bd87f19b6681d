import type { ApprovalAction, ApprovalEnd } from "@parley/protocol";

import type { Sender } from "../delivery.ts";

/** Something that waits for this person's word. */
export interface AskedApproval {
  readonly request: string;
  /** Who asks: the agent that enforces a rule, or that has a question in the course of a task. */
  readonly from: Pick<Sender, "member" | "name">;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly expires: number;
  readonly what:
    | {
        readonly type: "action";
        /** The exact action; its digest is what a yes is bound to. */
        readonly action: ApprovalAction;
        readonly digest: string;
        readonly quorum: number;
        /** The rule of the policy that asks; undefined where the skill itself does. */
        readonly rule: { readonly policy: number; readonly rule: number } | undefined;
      }
    | { readonly type: "question"; readonly skill: string; readonly task: string; readonly text: string };
}

/** Says yes to more of the same: calls of the same skill. */
export interface StandingTerms {
  /** Times, at most `limits.standingUses`. */
  readonly uses: number;
  /** Milliseconds from now. */
  readonly lifeMs: number;
  /** Only for the same caller. Default true. */
  readonly sameCaller?: boolean;
}

/** What waits for this member's word, and its answers. */
export interface ApprovalApi {
  /** Oldest first. */
  list(): Promise<readonly AskedApproval[]>;
  /**
   * Says yes or no to all of these at once, in one statement that lists each. With `standing` also to calls of the same kind to come.
   * Throws `not_found` for one that waits no more.
   */
  answer(requests: readonly string[], decision: "granted" | "denied", standing?: StandingTerms): Promise<void>;
  /** Answers a question. */
  reply(request: string, text: string): Promise<void>;
}

export type ApprovalEvent =
  | { readonly type: "approval-asked"; readonly asked: AskedApproval }
  | { readonly type: "approval-closed"; readonly request: string; readonly state: ApprovalEnd };
