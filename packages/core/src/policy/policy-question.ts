/** What a policy is asked, and what it says. */
import type { ApprovalNeed, MemberKind, PolicyAction, Role } from "@parley/protocol";

/** A member as rules see it: what an operator signed about it. */
export interface PolicyMember {
  readonly member: string;
  /** Without the `@`. */
  readonly name: string;
  readonly kind: MemberKind;
  readonly roles: readonly Role[];
  /** What its admission limits it to, whatever the policy allows. */
  readonly scope?: PolicyScope | undefined;
}

export interface PolicyScope {
  /** Skills that it may call. */
  readonly skills?: readonly string[] | undefined;
  /** Channels that it may be in and post to. */
  readonly channels?: readonly string[] | undefined;
}

/** May `who` do this, to `to`, with this skill, in this channel? */
export interface PolicyQuestion {
  readonly action: PolicyAction;
  readonly who: PolicyMember;
  readonly to?: PolicyMember | undefined;
  readonly skill?: string | undefined;
  /** Without the `#`. */
  readonly channel?: string | undefined;
}

/** Why a policy decides as it does. */
export type PolicyReason =
  /** `rule` allows it. */
  | "allowed"
  /** `rule` denies it; deny wins. */
  | "denied"
  /** No rule allows it. */
  | "no-rule"
  /** The member's admission does not reach that far. */
  | "out-of-scope";

export interface PolicyDecision {
  readonly allowed: boolean;
  readonly reason: PolicyReason;
  /** Place of the deciding rule in the document, from 0. */
  readonly rule: number | undefined;
  /** What has to be granted first, where the deciding rules ask for it: the strictest of those that allow. */
  readonly approval: ApprovalNeed | undefined;
}

/** Which part of a rule does not fit a question; undefined for one that fits. */
export type RuleMismatch = "action" | "who" | "to" | "skill" | "channel";

/** One rule and how it fits the question. */
export interface RuleTrace {
  readonly rule: number;
  readonly effect: "allow" | "deny";
  readonly mismatch: RuleMismatch | undefined;
}
