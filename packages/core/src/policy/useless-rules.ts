/** What of a policy does nothing: rules that fit no question, rules that others overrule, tags that nobody uses. */
import type { PolicyAction, PolicyDocument, PolicyRule } from "@parley/protocol";

/** Something that does nothing, with its path in the document. */
export interface UselessPart {
  readonly path: readonly (string | number)[];
  readonly says: string;
}

/** `known`: the names that there are, without `@`; without them no name counts as unknown. */
export function uselessParts(document: PolicyDocument, known?: ReadonlySet<string>): readonly UselessPart[] {
  const { tags = {}, rules, budgets = [] } = document;
  const found: UselessPart[] = [];
  const add = (path: UselessPart["path"], says: string): void => void found.push({ path, says });
  const subjects = (named: readonly string[] | undefined, path: UselessPart["path"]): void => {
    for (const [index, subject] of (named ?? []).entries()) {
      if (subject.startsWith("@") && known !== undefined && !known.has(subject.slice(1)))
        add([...path, index], `no member is called ${subject}`);
      if (subject.startsWith("tag:") && tags[subject.slice(4)]?.length === 0)
        add([...path, index], `nobody has ${subject}`);
    }
  };
  for (const [index, rule] of rules.entries()) {
    subjects(rule.who, ["rules", index, "who"]);
    subjects(rule.to, ["rules", index, "to"]);
    const never = misfit(rule);
    if (never !== undefined) add(["rules", index, never.key], never.says);
    const over = overruledBy(rule, rules);
    if (over !== undefined) add(["rules", index], `rule ${over + 1} denies all that this one allows`);
  }
  for (const [index, { who }] of budgets.entries()) subjects(who, ["budgets", index, "who"]);
  const used = new Set([
    ...rules.flatMap(({ who = [], to = [] }) => [...who, ...to]),
    ...budgets.flatMap(({ who }) => who),
  ]);
  for (const [tag, names] of Object.entries(tags)) {
    if (!used.has(`tag:${tag}`)) add(["tags", tag], `no rule and no budget uses tag:${tag}`);
    for (const [index, name] of names.entries())
      if (known !== undefined && !known.has(name.slice(1))) add(["tags", tag, index], `no member is called ${name}`);
  }
  return found;
}

const actionsOf = (rule: PolicyRule): readonly PolicyAction[] => ("deny" in rule ? rule.deny : rule.allow);

/** A part that makes a rule fit none of its actions. */
function misfit(rule: PolicyRule): { readonly key: string; readonly says: string } | undefined {
  const actions = actionsOf(rule);
  const only = (...those: readonly PolicyAction[]): boolean => actions.every((action) => those.includes(action));
  if (rule.skills !== undefined && !actions.some((action) => action === "call" || action === "approve"))
    return { key: "skills", says: "skills are of use in rules about call and approve only; this one fits nothing" };
  if (rule.channels !== undefined && !actions.includes("post"))
    return { key: "channels", says: "channels are of use in rules about post only; this one fits nothing" };
  if (rule.skills !== undefined && rule.channels !== undefined)
    return { key: "channels", says: "no act has both a skill and a channel; this rule fits nothing" };
  if (rule.to !== undefined && !rule.to.includes("*") && only("post", "invite"))
    return { key: "to", says: "a post or an invite is to nobody; this rule fits nothing" };
  return undefined;
}

/** The rule that denies everything that this one allows. */
function overruledBy(rule: PolicyRule, rules: readonly PolicyRule[]): number | undefined {
  if ("deny" in rule) return undefined;
  const index = rules.findIndex(
    (other) =>
      "deny" in other &&
      rule.allow.every((action) => other.deny.includes(action)) &&
      covers(other.who, rule.who ?? ["*"], coversSubject) &&
      covers(other.to, rule.to ?? ["*"], coversSubject) &&
      covers(other.skills, rule.skills, coversPattern) &&
      covers(other.channels, rule.channels, coversPattern),
  );
  return index < 0 ? undefined : index;
}

function covers(
  wide: readonly string[] | undefined,
  narrow: readonly string[] | undefined,
  one: (wide: string, narrow: string) => boolean,
): boolean {
  if (wide === undefined) return true;
  // A rule without patterns is about acts without a skill or a channel as well, which no pattern fits.
  return narrow !== undefined && narrow.every((each) => wide.some((other) => one(other, each)));
}

const coversSubject = (wide: string, narrow: string): boolean => wide === narrow || wide === "*";

function coversPattern(wide: string, narrow: string): boolean {
  const bare = (text: string): string => (text.startsWith("#") ? text.slice(1) : text);
  const [a, b] = [bare(wide), bare(narrow)];
  return a.endsWith("*") ? b.startsWith(a.slice(0, -1)) : a === b;
}
