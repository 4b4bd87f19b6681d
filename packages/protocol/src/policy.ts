/**
 * The words of a mesh's policy: who may do what to whom. The same form in the operators' file and in the signed
 * document. Deny wins over allow; what no rule allows is denied. How rules are read is `core`'s.
 */
import { z } from "zod";

import { limits } from "./limits.ts";
import { nameSchema } from "./names.ts";

/** What a rule may be about. `see` covers directory, presence and topology; `approve` answers approval requests. */
export const policyActions = ["see", "call", "message", "post", "invite", "approve"] as const;
export type PolicyAction = (typeof policyActions)[number];

const tagName = /^[a-z0-9][a-z0-9-]*$/;
const tagNameSchema = z.string().min(1).max(limits.nameCharacters).regex(tagName);

/** `"@name"`, `"tag:x"`, `"role:x"`, `"kind:agent"` or `"*"`. */
export const policySubjectSchema = z
  .string()
  .max(limits.nameCharacters + 8)
  .refine(
    (text) =>
      text === "*" ||
      (text.startsWith("@") && nameSchema.safeParse(text.slice(1)).success) ||
      (text.startsWith("tag:") && tagName.test(text.slice(4))) ||
      /^role:(operator|admin|member|guest|observer)$/.test(text) ||
      /^kind:(agent|person)$/.test(text),
    'is none of "@name", "tag:name", "role:operator", "kind:agent" and "*"',
  );

/** A skill's id or a channel's name; a `*` at the end stands for any rest. */
export const skillPatternSchema = z
  .string()
  .min(1)
  .max(limits.skillCharacters + 1)
  .regex(/^(?:\*|#?[a-zA-Z0-9][a-zA-Z0-9._-]*\*?)$/, "is no name, and no beginning of one with a * at its end");

const subjects = z.array(policySubjectSchema).min(1).max(limits.policySubjects);
const patterns = z.array(skillPatternSchema).min(1).max(limits.policySubjects);
const actions = z.array(z.enum(policyActions)).min(1).max(policyActions.length);

/** What a person has to say before an act that a rule allows is done. */
export const approvalNeedSchema = z.strictObject({
  /** How many different members have to grant it. Default 1. */
  quorum: z.int().min(1).max(limits.approvalQuorum).optional(),
  /** Milliseconds in which it has to be answered. Default one hour. */
  withinMs: z.int().min(1000).max(limits.approvalLifeMs).optional(),
});
export type ApprovalNeed = z.infer<typeof approvalNeedSchema>;

const ruleParts = {
  /** Default: everybody. */
  who: subjects.optional(),
  /** Whom it is done to. Default: everybody. */
  to: subjects.optional(),
  /** Only for these skills; a rule without them is about all. */
  skills: patterns.optional(),
  /** Only for these channels; the same. */
  channels: patterns.optional(),
  /** For people: why the rule is there. */
  note: z.string().max(200).optional(),
};

export const policyRuleSchema = z.union([
  z.strictObject({ allow: actions, ...ruleParts, approval: approvalNeedSchema.optional() }),
  z.strictObject({ deny: actions, ...ruleParts }),
]);
export type PolicyRule = z.infer<typeof policyRuleSchema>;

const amount = z.int().min(0).max(1_000_000_000_000);
const perTime = z.strictObject({ hour: amount.optional(), day: amount.optional() });

/** What a member may use up in an hour and in a day. Of several that fit, each holds; one with `until` takes the place of those without. */
export const budgetSchema = z.strictObject({
  who: subjects,
  /** Messages, calls and posts together. */
  messages: perTime.optional(),
  /** Tokens of models: counted where the mesh carries the call, else as the member reports them. */
  tokens: perTime.optional(),
  /** Millionths of the mesh's unit of money; the same. */
  money: perTime.optional(),
  /** Milliseconds since 1970: a temporary override. */
  until: z
    .int()
    .min(0)
    .max(2 ** 47)
    .optional(),
  note: z.string().max(200).optional(),
});
export type Budget = z.infer<typeof budgetSchema>;

/** A policy without its signature. */
export const policyDocumentSchema = z
  .strictObject({
    /** Members by tag. */
    tags: z
      .record(
        tagNameSchema,
        z
          .array(
            z
              .string()
              .refine((text) => text.startsWith("@") && nameSchema.safeParse(text.slice(1)).success, "is no @name"),
          )
          .max(limits.policyTagged),
      )
      .refine((tags) => Object.keys(tags).length <= limits.policyTags, `has more than ${limits.policyTags} tags`)
      .optional(),
    rules: z.array(policyRuleSchema).max(limits.policyRules),
    budgets: z.array(budgetSchema).max(limits.policyBudgets).optional(),
  })
  .superRefine(({ tags = {}, rules, budgets = [] }, context) => {
    const known = new Set(Object.keys(tags));
    const check = (named: readonly string[] | undefined, path: (string | number)[]): void => {
      for (const [index, subject] of (named ?? []).entries())
        if (subject.startsWith("tag:") && !known.has(subject.slice(4)))
          context.addIssue({
            code: "custom",
            path: [...path, index],
            message: `names ${subject}, which tags does not have`,
          });
    };
    for (const [index, rule] of rules.entries()) {
      check(rule.who, ["rules", index, "who"]);
      check(rule.to, ["rules", index, "to"]);
    }
    for (const [index, budget] of budgets.entries()) check(budget.who, ["budgets", index, "who"]);
  });
export type PolicyDocument = z.infer<typeof policyDocumentSchema>;

/** What an operator may put a member under, for a time or until it is lifted. */
export const restrictionKinds = ["paused", "stopped", "muted", "banned"] as const;
export type RestrictionKind = (typeof restrictionKinds)[number];
