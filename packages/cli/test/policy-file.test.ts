import { Policy } from "@parley/core";
import { describe, expect, it } from "vitest";

import { parseAmount, parseMoney } from "../src/policy/budget-amount.ts";
import { answerLines, answerOf, assumedMember } from "../src/policy/policy-answer.ts";
import { policyAsked } from "../src/policy/policy-asked.ts";
import { changeOf } from "../src/policy/policy-change.ts";
import { readPolicy } from "../src/policy/policy-file.ts";
import { policyYaml, ruleText } from "../src/policy/policy-text.ts";

const text = `
tags:
  builders: ["@ada", "@grace"]
  lead: "@ada"
rules:
  - allow: [see, call, message, post]
  - allow: call
    who: tag:builders
    to: "@ci"
    skills: deploy*
    approval: { quorum: 2, within: 1h }
  - deny: post
    who: [kind:agent]
    channels: "#general"
    note: too many words
budgets:
  - who: kind:agent
    messages: { hour: 2k, day: 10000 }
    tokens: { day: 1.5M }
    money: { day: 2.50 }
`;

describe("a policy in a file", () => {
  it("is read with single values for lists and with times and sums as people write them", () => {
    const read = readPolicy(text);
    expect(read).toMatchObject({
      ok: true,
      document: {
        tags: { builders: ["@ada", "@grace"], lead: ["@ada"] },
        rules: [
          { allow: ["see", "call", "message", "post"] },
          { allow: ["call"], who: ["tag:builders"], skills: ["deploy*"], approval: { quorum: 2, withinMs: 3_600_000 } },
          { deny: ["post"], channels: ["#general"], note: "too many words" },
        ],
        budgets: [
          {
            who: ["kind:agent"],
            messages: { hour: 2000, day: 10_000 },
            tokens: { day: 1_500_000 },
            money: { day: 2_500_000 },
          },
        ],
      },
    });
  });

  it("is shown as it would be written, and read again says the same", () => {
    const read = readPolicy(text);
    if (!read.ok) throw new Error("is valid");
    const shown = policyYaml(read.document);
    expect(shown).toContain(
      '  - {allow: call, who: tag:builders, to: "@ci", skills: deploy*, approval: {quorum: 2, within: 1h}}',
    );
    expect(readPolicy(shown)).toMatchObject({ ok: true, document: read.document });
  });

  it.each([
    ["rules:\n  - alow: call\n", 2, 5, 'did you mean "allow"?'],
    ["rules:\n  - allow: cal\n", 2, 12, "is not one of see, call"],
    ["rules:\n  - allow: call\n    who: bob\n", 3, 10, "is none of"],
    ["rules:\n  - {allow: call, deny: post}\n", 2, 5, "either allow or deny"],
    ["rules:\n  - {deny: call, approval: {quorum: 2}}\n", 2, 28, "of no use"],
    ["rules:\n  - {allow: call, approval: {within: soon}}\n", 2, 38, "is not a time"],
    ["rules:\n  - {allow: call, who: tag:x}\n", 2, 24, "tags does not have"],
    ["rules: []\nbudgets:\n  - who: '*'\n    mesages: {hour: 5}\n", 4, 5, 'did you mean "messages"?'],
    ["rules: []\nbudgets:\n  - who: '*'\n    messages: {hour: many}\n", 4, 22, "is not a sum"],
    ["rules: []\ntags:\n  Big: ['@a']\n", 3, 8, "tags.Big"],
    ["rule: []\n", 1, 1, 'did you mean "rules"?'],
    ["rules:\n  - {allow: call, skills: 'a b'}\n", 2, 27, "rules.0.skills.0"],
  ])("that is wrong is refused with its place: %j", (wrong, line, column, says) => {
    const read = readPolicy(wrong);
    if (read.ok) throw new Error("is wrong");
    expect(read.problems).toContainEqual({ line, column, message: expect.stringContaining(says) as string });
  });

  it("never throws, whatever is in it", () => {
    for (const odd of ["", "[]", "rules: 1", "rules: [1]", "*a", "rules: [{allow: [[]]}]", "a: &a [*a]", "\u0000"])
      expect(readPolicy(odd).ok).toBe(false);
  });
});

describe("sums", () => {
  it.each([
    ["500", 500],
    ["2k", 2000],
    ["1.5M", 1_500_000],
    ["1.5", undefined],
    ["-1", undefined],
    ["1000g", 1_000_000_000_000],
    ["1001g", undefined],
  ])("reads %s", (typed, value) => expect(parseAmount(typed)).toBe(value));

  it("counts money in millionths", () => {
    expect(parseMoney("2.5")).toBe(2_500_000);
    expect(parseMoney("0.0000001")).toBeUndefined();
  });
});

describe("a change of policy", () => {
  it("is what goes and what comes, not what moved", () => {
    const [a, b] = [{ allow: ["call" as const] }, { deny: ["post" as const], who: ["@x"] }];
    expect(changeOf({ rules: [a, b] }, { rules: [b, a] })).toEqual({ removed: [], added: [] });
    expect(changeOf({ rules: [a] }, { tags: { t: ["@x"] }, rules: [a, b] })).toEqual({
      removed: [],
      added: ["tag t: @x", `rule: ${ruleText(b)}`],
    });
  });
});

describe("a question to a policy", () => {
  const member = (name: string) => assumedMember(name, { roles: ["member"], kind: "agent" });

  it("is read from words", () => {
    expect(policyAsked("@a", "call", "@b/deploy")).toMatchObject({ who: "a", to: "b", skill: "deploy" });
    expect(policyAsked("@a", "post", "#general")).toMatchObject({ channel: "general" });
    expect(policyAsked("@a", "invite", undefined)).toMatchObject({ action: "invite" });
    for (const [who, action, object] of [
      ["@a", "eat", "@b"],
      ["@a", "message", "@b/deploy"],
      ["@a", "call", undefined],
      ["@a", "invite", "@b"],
      ["@a", "post", "@"],
      ["@@", "see", "@b"],
    ] as const)
      expect(() => policyAsked(who, action, object)).toThrow("Ask like");
  });

  it("is answered with the rule that decides", () => {
    const policy = new Policy({
      rules: [{ allow: ["call"] }, { deny: ["call"], who: ["@a"], skills: ["deploy"] }],
    });
    const question = { action: "call" as const, who: member("a"), to: member("b"), skill: "deploy" };
    const answer = answerOf(policy, question);
    expect(answer).toMatchObject({
      allowed: false,
      rule: 2,
      trace: [{ mismatch: undefined }, { mismatch: undefined }],
    });
    expect(answerLines(question, answer)[0]).toBe("no: @a may not call @b/deploy: rule 2 denies it; deny wins");
  });

  it("about seeing somebody counts what comes of talk", () => {
    const policy = new Policy({ rules: [{ allow: ["message"], who: ["@a"], to: ["@b"] }] });
    const question = { action: "see" as const, who: member("b"), to: member("a") };
    expect(answerOf(policy, question)).toMatchObject({ allowed: true, because: "@a may reach @b" });
  });
});
