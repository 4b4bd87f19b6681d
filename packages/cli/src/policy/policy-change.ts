/** What a new policy changes, in lines. */
import type { PolicyDocument } from "@parley/protocol";

import { budgetText, ruleText } from "./policy-text.ts";

export interface PolicyChange {
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** The order of rules says nothing, so what only moved is no change. */
export function changeOf(before: PolicyDocument, after: PolicyDocument): PolicyChange {
  const [old, next] = [linesOf(before), linesOf(after)];
  return { removed: without(old, next), added: without(next, old) };
}

function linesOf({ tags = {}, rules, budgets = [] }: PolicyDocument): readonly string[] {
  return [
    ...Object.entries(tags).map(([tag, names]) => `tag ${tag}: ${names.toSorted().join(", ")}`),
    ...rules.map((rule) => `rule: ${ruleText(rule)}`),
    ...budgets.map((budget) => `budget: ${budgetText(budget)}`),
  ];
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at < 0) return true;
    left.splice(at, 1);
    return false;
  });
}
