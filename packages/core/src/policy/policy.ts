/**
 * A mesh's policy as a pure function: the same question gets the same answer at the registry, at the callee and in
 * `parley policy explain`. Deny wins over allow, whatever the order of the rules; what no rule allows is denied.
 */
import type { ApprovalNeed, Budget, PolicyDocument, PolicyRule } from "@parley/protocol";

import { defaultPolicy } from "./default-policy.ts";
import type { PolicyDecision, PolicyMember, PolicyQuestion, RuleMismatch, RuleTrace } from "./policy-question.ts";
import { fitsPattern, isNamed, type Tags } from "./subject-matcher.ts";

/** Time to answer an approval request, unless the rule says another. */
const defaultApprovalMs = 3_600_000;

export class Policy {
  /** 0 for the built-in one. */
  readonly number: number;
  readonly document: PolicyDocument;
  readonly #tags: Tags;

  constructor(document: PolicyDocument = defaultPolicy, number = 0) {
    this.document = document;
    this.number = number;
    this.#tags = new Map(
      Object.entries(document.tags ?? {}).map(([tag, names]) => [tag, new Set(names.map((name) => name.slice(1)))]),
    );
  }

  /** The tags that the policy gives a member. */
  tagsOf(name: string): readonly string[] {
    return [...this.#tags].flatMap(([tag, names]) => (names.has(name) ? [tag] : []));
  }

  decide(question: PolicyQuestion): PolicyDecision {
    if (isOutOfScope(question)) return { allowed: false, reason: "out-of-scope", rule: undefined, approval: undefined };
    let allowing: number | undefined;
    let approval: ApprovalNeed | undefined;
    for (const [index, rule] of this.document.rules.entries()) {
      if (this.#mismatch(rule, question) !== undefined) continue;
      if ("deny" in rule) return { allowed: false, reason: "denied", rule: index, approval: undefined };
      allowing ??= index;
      if (rule.approval !== undefined) {
        if (approval === undefined) allowing = index;
        approval = stricter(approval, rule.approval);
      }
    }
    if (allowing === undefined) return { allowed: false, reason: "no-rule", rule: undefined, approval: undefined };
    return { allowed: true, reason: "allowed", rule: allowing, approval };
  }

  /**
   * What holds where one acts for another: allowed for the principal, and nobody on the way is denied it or limited to less.
   */
  decideFor(
    principal: PolicyMember,
    others: readonly PolicyMember[],
    question: Omit<PolicyQuestion, "who">,
  ): PolicyDecision {
    const decision = this.decide({ ...question, who: principal });
    if (!decision.allowed) return decision;
    for (const who of others) {
      const own = this.decide({ ...question, who });
      if (own.reason === "denied" || own.reason === "out-of-scope") return own;
    }
    return decision;
  }

  /** Each rule and the first part of it that does not fit. */
  explain(question: PolicyQuestion): readonly RuleTrace[] {
    return this.document.rules.map((rule, index) => ({
      rule: index,
      effect: "deny" in rule ? "deny" : "allow",
      mismatch: this.#mismatch(rule, question),
    }));
  }

  /** Whether one may get through to the other at all: with some message or some call. What exactly is the callee's to judge. */
  mayReach(who: PolicyMember, to: PolicyMember): boolean {
    return this.decide({ action: "message", who, to }).allowed || this.#mayCallSome(who, to);
  }

  /**
   * Whether frames may pass between two members at all: there may be talk in one of the directions, or one may see the other and
   * so may act for somebody; never against a rule that denies all calls.
   */
  mayPass(one: PolicyMember, other: PolicyMember): boolean {
    if (one.member === other.member || this.mayReach(one, other) || this.mayReach(other, one)) return true;
    return this.#mayActFor(one, other) || this.#mayActFor(other, one);
  }

  #mayActFor(who: PolicyMember, to: PolicyMember): boolean {
    return (
      this.decide({ action: "see", who, to }).allowed && this.decide({ action: "call", who, to }).reason !== "denied"
    );
  }

  /** Whether one may know of the other: the policy says so, or there may be talk between them. */
  maySee(who: PolicyMember, to: PolicyMember): boolean {
    if (who.member === to.member) return true;
    return this.decide({ action: "see", who, to }).allowed || this.mayReach(who, to) || this.mayReach(to, who);
  }

  /** The budgets of a member that hold now. */
  budgetsOf(member: PolicyMember, now: number): readonly Budget[] {
    const fitting = (this.document.budgets ?? []).filter(
      ({ who, until }) => isNamed(member, who, this.#tags) && (until === undefined || until > now),
    );
    const overrides = fitting.filter(({ until }) => until !== undefined);
    return overrides.length > 0 ? overrides : fitting;
  }

  /** A rule about some skills only neither gives nor takes the way as a whole, unless it allows. */
  #mayCallSome(who: PolicyMember, to: PolicyMember): boolean {
    let allowed = false;
    for (const rule of this.document.rules) {
      const { skills, ...rest } = rule;
      if (this.#mismatch(rest, { action: "call", who, to }) !== undefined) continue;
      if ("allow" in rule) allowed = true;
      else if (skills === undefined) return false;
    }
    return allowed && who.scope?.skills?.length !== 0;
  }

  #mismatch(rule: PolicyRule, { action, who, to, skill, channel }: PolicyQuestion): RuleMismatch | undefined {
    if (!("deny" in rule ? rule.deny : rule.allow).includes(action)) return "action";
    if (!isNamed(who, rule.who, this.#tags)) return "who";
    if (!isNamed(to, rule.to, this.#tags)) return "to";
    if (!fitsPattern(skill, rule.skills)) return "skill";
    return fitsPattern(channel, rule.channels) ? undefined : "channel";
  }
}

function isOutOfScope({ action, who, skill, channel }: PolicyQuestion): boolean {
  if (action === "call") return skill !== undefined && !fitsPattern(skill, who.scope?.skills);
  return action === "post" && channel !== undefined && !fitsPattern(channel, who.scope?.channels);
}

/** Of two rules that ask for an approval the larger quorum and the shorter time hold. */
function stricter(one: ApprovalNeed | undefined, other: ApprovalNeed): ApprovalNeed {
  return {
    quorum: Math.max(one?.quorum ?? 1, other.quorum ?? 1),
    withinMs: Math.min(one?.withinMs ?? Infinity, other.withinMs ?? defaultApprovalMs),
  };
}
