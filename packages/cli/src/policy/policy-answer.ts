/** What a policy says of a question, and why, as text. */
import { type Policy, type PolicyDecision, type PolicyMember, type PolicyQuestion, type RuleTrace } from "@parley/core";
import type { PolicyAction } from "@parley/protocol";

import { ruleText, typedDuration } from "./policy-text.ts";

export interface PolicyAnswer {
  readonly allowed: boolean;
  readonly reason: string;
  /** Counted from 1, as everywhere that people read. */
  readonly rule: number | undefined;
  readonly ruleText: string | undefined;
  readonly approval: PolicyDecision["approval"];
  /** Why one may be seen although no rule about `see` says so. */
  readonly because: string | undefined;
  readonly trace: readonly { readonly rule: number; readonly text: string; readonly mismatch: RuleTrace["mismatch"] }[];
}

/** Asks the same function that the registry and the callee ask. */
export function answerOf(policy: Policy, question: PolicyQuestion): PolicyAnswer {
  const { allowed, reason, rule, approval } = policy.decide(question);
  const seen = !allowed && reason !== "out-of-scope" ? seenAnyway(policy, question) : undefined;
  const texts = policy.document.rules.map(ruleText);
  return {
    allowed: allowed || seen !== undefined,
    reason: seen === undefined ? reason : "allowed",
    rule: rule === undefined || seen !== undefined ? undefined : rule + 1,
    ruleText: rule === undefined || seen !== undefined ? undefined : texts[rule],
    approval,
    because: seen,
    trace: policy.explain(question).map(({ rule: index, mismatch }) => ({
      rule: index + 1,
      text: texts[index] ?? "",
      mismatch,
    })),
  };
}

/** Who may write to another, or is written to by it, knows of it. */
function seenAnyway(policy: Policy, { action, who, to }: PolicyQuestion): string | undefined {
  if (action !== "see" || to === undefined || !policy.maySee(who, to)) return undefined;
  if (who.member === to.member) return "everybody sees itself";
  return policy.mayReach(who, to) ? `@${who.name} may reach @${to.name}` : `@${to.name} may reach @${who.name}`;
}

const saysOf: Readonly<Record<string, string>> = {
  denied: "denies it; deny wins",
  "no-rule": "no rule allows it",
  "out-of-scope": "the member's admission does not reach that far, whatever the rules say",
};

/** The answer in lines; the first one is the answer itself. */
export function answerLines(question: PolicyQuestion, answer: PolicyAnswer): readonly string[] {
  const { allowed, reason, rule, approval, because, ruleText: text } = answer;
  const why =
    because ??
    (rule === undefined
      ? (saysOf[reason] ?? reason)
      : `rule ${rule} ${allowed ? "allows it" : (saysOf[reason] ?? "")}`);
  return [
    `${allowed ? "yes" : "no"}: @${question.who.name} may ${allowed ? "" : "not "}${actOf(question)}: ${why}`,
    ...(text === undefined ? [] : [`  ${rule ?? ""}  ${text}`]),
    ...(approval === undefined
      ? []
      : [
          `after ${(approval.quorum ?? 1) === 1 ? "an approval" : `${approval.quorum ?? 1} approvals`}, given within ${typedDuration(approval.withinMs ?? 3_600_000)}`,
        ]),
  ];
}

/** Each rule, and what of it did not fit. */
export function traceLines({ trace }: PolicyAnswer): readonly string[] {
  const width = String(trace.length).length;
  return trace.map(
    ({ rule, text, mismatch }) =>
      `  ${String(rule).padStart(width)}  ${mismatch === undefined ? "fits           " : `other ${mismatch}`.padEnd(15)}  ${text}`,
  );
}

function actOf({ action, to, skill, channel }: PolicyQuestion): string {
  const verbs: Readonly<Record<PolicyAction, string>> = {
    see: "see",
    call: "call",
    message: "write to",
    post: "post to",
    invite: "invite",
    approve: "approve",
  };
  const object = channel === undefined ? (to === undefined ? "" : ` @${to.name}`) : ` #${channel}`;
  return `${verbs[action]}${object}${skill === undefined ? "" : `/${skill}`}`;
}

/** A member that nobody could look up: as it is if it is what most are. */
export function assumedMember(name: string, { roles, kind }: Pick<PolicyMember, "roles" | "kind">): PolicyMember {
  return { member: `@${name}`, name, kind, roles };
}
