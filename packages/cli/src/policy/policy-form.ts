/**
 * A policy as operators write it in YAML: what the signed document says, with single values where it has lists, and with times
 * and sums as people write them. Here, and only here, one is made into the other.
 */
import {
  type Budget,
  limits,
  policyActions,
  type PolicyDocument,
  policyDocumentSchema,
  type PolicyRule,
  policySubjectSchema,
} from "@parley/protocol";
import { z } from "zod";

import { parseDuration } from "../duration.ts";
import { parseAmount, parseMoney } from "./budget-amount.ts";

const listOf = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => (Array.isArray(value) ? (value as unknown) : [value]), z.array(item));

const action = z.enum(policyActions);
const subject = z.string().superRefine((text, context) => {
  const parsed = policySubjectSchema.safeParse(text);
  if (!parsed.success)
    context.addIssue({ code: "custom", message: parsed.error.issues[0]?.message ?? "is no subject" });
});
const text = z
  .string()
  .min(1)
  .max(limits.skillCharacters + 1);

const time = z.string().transform((typed, context) => {
  const ms = parseDuration(typed);
  if (ms !== undefined && ms > 0) return ms;
  context.addIssue({ code: "custom", message: "is not a time like 90s, 10m or 1h" });
  return z.NEVER;
});

const approval = z.strictObject({
  quorum: z.int().min(1).max(limits.approvalQuorum).optional(),
  within: time.optional(),
});

const rule = z
  .strictObject({
    allow: listOf(action).optional(),
    deny: listOf(action).optional(),
    who: listOf(subject).optional(),
    to: listOf(subject).optional(),
    skills: listOf(text).optional(),
    channels: listOf(text).optional(),
    approval: approval.optional(),
    note: z.string().max(200).optional(),
  })
  .superRefine(({ allow, deny, approval: asked }, context) => {
    if ((allow === undefined) === (deny === undefined))
      context.addIssue({ code: "custom", message: "has either allow or deny" });
    if (deny !== undefined && asked !== undefined)
      context.addIssue({ code: "custom", path: ["approval"], message: "is of no use in a rule that denies" });
  });

/** A whole number, or a text like `2k` or `1.5M`. */
const sum = (read: (typed: string) => number | undefined, like: string) =>
  z.union([z.number(), z.string()], { error: `is not a sum like ${like}` }).transform((typed, context) => {
    const value = read(String(typed));
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `is not a sum like ${like}` });
    return z.NEVER;
  });
const per = (read: (typed: string) => number | undefined, like: string) =>
  z.strictObject({ hour: sum(read, like).optional(), day: sum(read, like).optional() });

const budget = z.strictObject({
  who: listOf(subject),
  messages: per(parseAmount, "500 or 2k").optional(),
  tokens: per(parseAmount, "200k or 1.5M").optional(),
  money: per(parseMoney, "2.50").optional(),
  until: z
    .string()
    .transform((typed, context) => {
      const at = Date.parse(typed);
      if (!Number.isNaN(at)) return at;
      context.addIssue({ code: "custom", message: "is not a moment like 2026-11-22T15:00:00Z" });
      return z.NEVER;
    })
    .optional(),
  note: z.string().max(200).optional(),
});

/** The file. Closed: an unknown key is an error. */
export const policyFormSchema = z.strictObject({
  tags: z.record(z.string(), listOf(z.string())).optional(),
  rules: z.array(rule),
  budgets: z.array(budget).optional(),
});
export type PolicyForm = z.infer<typeof policyFormSchema>;

/** Something that the signed document does not take, with its path in the form. */
export interface FormIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The signed document's content of a form. */
export function documentOf(form: PolicyForm): PolicyDocument | readonly FormIssue[] {
  const document = {
    ...(form.tags === undefined ? {} : { tags: form.tags }),
    rules: form.rules.map(ruleOf),
    ...(form.budgets === undefined ? {} : { budgets: form.budgets.map((one) => withoutAbsent(one) as Budget) }),
  };
  const parsed = policyDocumentSchema.safeParse(document);
  return parsed.success ? parsed.data : parsed.error.issues.flatMap((issue) => innermost(issue));
}

function ruleOf({ approval: asked, ...rest }: PolicyForm["rules"][number]): PolicyRule {
  if (asked === undefined) return withoutAbsent(rest) as PolicyRule;
  const { quorum, within } = asked;
  return withoutAbsent({ ...rest, approval: withoutAbsent({ quorum, withinMs: within }) }) as PolicyRule;
}

/** Keys without a value are no keys. */
function withoutAbsent(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
}

/** A rule is one of two forms: what the form that was meant says is wrong with it. */
function innermost(issue: z.core.$ZodIssue): readonly FormIssue[] {
  if (issue.code !== "invalid_union") return [{ path: issue.path, message: issue.message }];
  const found = issue.errors.flat().filter(({ code, path }) => code !== "unrecognized_keys" && path.length > 1);
  const [first] = found;
  return [{ path: [...issue.path, ...(first?.path ?? [])], message: first?.message ?? issue.message }];
}
