/** A policy, or a rule of one, as text for people: the same YAML that operators write. */
import type { Budget, PolicyDocument, PolicyRule } from "@parley/protocol";
import { Document, isCollection, type Node } from "yaml";

import { formatAmount, formatMoney } from "./budget-amount.ts";

/** Milliseconds as they are typed: `1h`, `90s`. */
export function typedDuration(ms: number): string {
  for (const [unit, size] of [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const)
    if (ms % size === 0) return `${ms / size}${unit}`;
  return `${ms}ms`;
}

const single = (list: readonly string[]): string | readonly string[] => (list.length === 1 ? (list[0] ?? "") : list);

function ruleForm(rule: PolicyRule): Readonly<Record<string, unknown>> {
  const { who, to, skills, channels, note } = rule;
  const approval = "allow" in rule ? rule.approval : undefined;
  return present({
    ...("allow" in rule ? { allow: single(rule.allow) } : { deny: single(rule.deny) }),
    who: who === undefined ? undefined : single(who),
    to: to === undefined ? undefined : single(to),
    skills: skills === undefined ? undefined : single(skills),
    channels: channels === undefined ? undefined : single(channels),
    approval:
      approval === undefined
        ? undefined
        : present({
            quorum: approval.quorum,
            within: approval.withinMs === undefined ? undefined : typedDuration(approval.withinMs),
          }),
    note,
  });
}

function budgetForm({ who, messages, tokens, money, until, note }: Budget): Readonly<Record<string, unknown>> {
  return present({
    who: single(who),
    messages: perForm(messages, formatAmount),
    tokens: perForm(tokens, formatAmount),
    money: perForm(money, formatMoney),
    until: until === undefined ? undefined : new Date(until).toISOString(),
    note,
  });
}

function perForm(
  sums: Budget["messages"],
  format: (value: number) => string,
): Readonly<Record<string, unknown>> | undefined {
  if (sums === undefined) return undefined;
  const { hour, day } = sums;
  const typed = (value: number | undefined): unknown =>
    value === undefined ? undefined : /^\d+$/.test(format(value)) ? value : format(value);
  return present({ hour: typed(hour), day: typed(day) });
}

function present(parts: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined));
}

/** The whole, one rule and one budget on a line. */
export function policyYaml({ tags, rules, budgets }: PolicyDocument): string {
  const form = present({
    tags: tags === undefined ? undefined : Object.fromEntries(Object.entries(tags).map(([tag, who]) => [tag, who])),
    rules: rules.map(ruleForm),
    budgets: budgets?.map(budgetForm),
  });
  const document = new Document(form);
  const contents = document.contents as { items?: readonly { value?: Node | null }[] } | null;
  for (const { value } of contents?.items ?? [])
    if (isCollection(value))
      for (const item of value.items as (Node | { value?: Node | null })[]) {
        const inner = isCollection(item) ? item : (item as { value?: unknown }).value;
        if (isCollection(inner)) inner.flow = true;
      }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

const flow = (form: unknown): string => {
  const document = new Document(form);
  if (isCollection(document.contents)) document.contents.flow = true;
  return document.toString({ lineWidth: 0, flowCollectionPadding: false }).trim();
};

/** `{allow: call, who: "@ada"}` without its braces. */
export const ruleText = (rule: PolicyRule): string => flow(ruleForm(rule)).slice(1, -1);
export const budgetText = (budget: Budget): string => flow(budgetForm(budget)).slice(1, -1);
