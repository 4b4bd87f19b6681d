/** Limits that a schema alone holds: one below, at and one above. */
import { describe, expect, it } from "vitest";
import type { z } from "zod";

import {
  approvalBodySchema,
  approvalNeedSchema,
  asksSchema,
  budgetSchema,
  channelNameSchema,
  limits,
  operatorListSchema,
  policyDocumentSchema,
  policyRuleSchema,
  requestTable,
  scopeSchema,
  toBase64url,
  topicSchema,
  wireErrorSchema,
} from "../src/index.ts";

interface Edge {
  readonly schema: z.ZodType;
  /** A value that has so much of what is limited. */
  readonly value: (count: number) => unknown;
}

const id = (size: number, number = 0): string => {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, number);
  return toBase64url(bytes);
};
const many = <Item>(count: number, item: (index: number) => Item): readonly Item[] =>
  Array.from({ length: count }, (_, index) => item(index));
const text = (count: number): string => "a".repeat(count);

const question = { type: "question", request: id(16), task: "t", skill: "s", expires: 1 };
const allow = { allow: ["call"] };

const edges: Readonly<Partial<Record<keyof typeof limits, Edge>>> = {
  approvalQuorum: { schema: approvalNeedSchema, value: (quorum) => ({ quorum }) },
  approvalLifeMs: { schema: approvalNeedSchema, value: (withinMs) => ({ withinMs }) },
  approvalTextCharacters: { schema: approvalBodySchema, value: (count) => ({ ...question, text: text(count) }) },
  asksCharacters: { schema: asksSchema, value: (count) => ({ text: text(count) }) },
  scopeEntries: { schema: scopeSchema, value: (count) => ({ skills: many(count, (index) => `s${index}`) }) },
  policyRules: { schema: policyDocumentSchema, value: (count) => ({ rules: many(count, () => allow) }) },
  policySubjects: { schema: policyRuleSchema, value: (count) => ({ ...allow, who: many(count, (at) => `@m${at}`) }) },
  policyTagged: {
    schema: policyDocumentSchema,
    value: (count) => ({ rules: [], tags: { many: many(count, (at) => `@m${at}`) } }),
  },
  policyTags: {
    schema: policyDocumentSchema,
    value: (count) => ({ rules: [], tags: Object.fromEntries(many(count, (at) => [`t${at}`, []])) }),
  },
  policyBudgets: {
    schema: policyDocumentSchema,
    value: (count) => ({ rules: [], budgets: many(count, () => ({ who: ["*"], messages: { hour: 1 } })) }),
  },
  operators: {
    schema: operatorListSchema,
    value: (count) => many(count, (at) => ({ member: id(32, at), key: id(32, at) })),
  },
  channelNameCharacters: { schema: channelNameSchema, value: text },
  topicCharacters: { schema: topicSchema, value: text },
  errorCharacters: { schema: wireErrorSchema, value: (count) => ({ code: "internal", message: text(count) }) },
  pageSize: { schema: requestTable["invite.list"].body, value: (limit) => ({ limit }) },
  auditPage: { schema: requestTable["audit.list"].body, value: (limit) => ({ limit }) },
  queryCharacters: { schema: requestTable["directory.find"].body, value: (count) => ({ text: text(count) }) },
};

describe("a limit that a schema holds", () => {
  it.each(Object.entries(edges))("%s takes one less and as many, and not one more", (name, { schema, value }) => {
    const most: number = limits[name as keyof typeof limits];
    expect(schema.safeParse(value(most - 1)).error).toBeUndefined();
    expect(schema.safeParse(value(most)).error).toBeUndefined();
    expect(schema.safeParse(value(most + 1)).success).toBe(false);
  });

  it("holds for a budget's numbers as well", () => {
    const budget = (hour: number): boolean => budgetSchema.safeParse({ who: ["*"], messages: { hour } }).success;
    expect([budget(0), budget(1_000_000_000_000), budget(-1), budget(1_000_000_000_001)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
