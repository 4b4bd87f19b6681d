import type { ApprovalAction, ApprovalEnd, PolicyRule } from "@parley/protocol";

import type { Sender } from "../delivery.ts";
import type { ActCause, ActToApprove } from "./act-approval.ts";

/** The rule of the policy that asks, by the policy's number and its place from 0. */
export interface AskingRule {
  readonly policy: number;
  readonly rule: number;
  /** The rule itself; undefined where this device holds another policy than the one that asks. */
  readonly says: PolicyRule | undefined;
}

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
        readonly rule: AskingRule | undefined;
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

/** A yes that was given for calls to come. */
export interface StandingView {
  readonly id: string;
  /** `held`: this agent may use it; `given`: this member gave it. */
  readonly way: "held" | "given";
  /** Members. */
  readonly by: string;
  readonly callee: string;
  readonly skill: string;
  /** The one caller that it is good for; undefined for all. */
  readonly caller: string | undefined;
  readonly uses: number;
  /** What is left of it, as far as this device knows. */
  readonly left: number | undefined;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** A question to one member, in the course of a task or a message. */
export interface MemberQuestion {
  readonly of: string;
  readonly text: string;
  /** Id of the task or message, and what of the agent asks. */
  readonly task: string;
  readonly skill: string;
  readonly withinMs?: number | undefined;
}

/** What waits for this member's word, its answers, and what it waits for itself. */
export interface ApprovalApi {
  /** Oldest first. */
  list(): Promise<readonly AskedApproval[]>;
  /**
   * Says yes or no to all of these at once, in one statement that lists each. With `standing` also to calls of the same kind to come.
   * Throws `not_found` for one that waits no more.
   */
  answer(requests: readonly string[], decision: "granted" | "denied", standing?: StandingTerms): Promise<void>;
  /** Standing approvals that this agent holds, and those that this device gave; those that ended are left out. */
  standing(): Promise<readonly StandingView[]>;
  /** Ends a standing approval: here, or where it was given to. Throws `not_found`. */
  endStanding(id: string): Promise<void>;
  /**
   * Waits for a yes to something that this agent is about to do for another member. Rejects with `approval_denied`,
   * `approval_expired`, `too_large`, or as the signal does, which withdraws it.
   */
  ask(act: ActToApprove, cause: ActCause, signal?: AbortSignal): Promise<void>;
  /** Asks a member (its id) in words, and waits for its answer, an hour unless `withinMs` says another. */
  question(question: MemberQuestion, signal?: AbortSignal): Promise<string>;
  /** Answers a question. */
  reply(request: string, text: string): Promise<void>;
}

export type ApprovalEvent =
  | { readonly type: "approval-asked"; readonly asked: AskedApproval }
  | { readonly type: "approval-closed"; readonly request: string; readonly state: ApprovalEnd };
