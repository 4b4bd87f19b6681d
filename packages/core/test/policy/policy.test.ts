import type { PolicyDocument } from "@parley/protocol";
import { policyDocumentSchema } from "@parley/protocol";
import { describe, expect, test } from "vitest";

import { Policy, type PolicyMember, type PolicyQuestion } from "../../src/index.ts";

const member = (name: string, rest: Partial<PolicyMember> = {}): PolicyMember => ({
  member: `id-of-${name}`,
  name,
  kind: "agent",
  roles: ["member"],
  ...rest,
});

const alice = member("alice", { kind: "person" });
const boss = member("boss", { kind: "person", roles: ["operator"] });
const ci = member("ci");
const deployer = member("deployer");
const guest = member("guest", { roles: ["guest"] });
const observer = member("observer", { roles: ["observer"] });

const policy = (document: PolicyDocument): Policy => new Policy(policyDocumentSchema.parse(document), 1);
const asks = (rules: PolicyDocument["rules"], question: PolicyQuestion, tags?: PolicyDocument["tags"]) =>
  policy({ rules, ...(tags === undefined ? {} : { tags }) }).decide(question);

describe("a policy", () => {
  const call: PolicyQuestion = { action: "call", who: ci, to: deployer, skill: "deploy" };

  test("denies what no rule allows", () => {
    expect(asks([], call)).toMatchObject({ allowed: false, reason: "no-rule", rule: undefined });
    expect(asks([{ allow: ["message"] }], call)).toMatchObject({ allowed: false, reason: "no-rule" });
  });

  test("lets deny win, before and after the rule that allows", () => {
    const allow = { allow: ["call" as const] };
    const deny = { deny: ["call" as const], who: ["@ci"] };
    expect(asks([allow, deny], call)).toMatchObject({ allowed: false, reason: "denied", rule: 1 });
    expect(asks([deny, allow], call)).toMatchObject({ allowed: false, reason: "denied", rule: 0 });
    expect(asks([deny, allow], { ...call, who: alice })).toMatchObject({ allowed: true, rule: 1 });
  });

  test.each([
    ["a name", "@ci", true],
    ["another name", "@ci2", false],
    ["a tag", "tag:build", true],
    ["another tag", "tag:ops", false],
    ["a role", "role:member", true],
    ["another role", "role:operator", false],
    ["a kind", "kind:agent", true],
    ["another kind", "kind:person", false],
    ["everybody", "*", true],
  ])("names members by %s", (_title, subject, allowed) => {
    const rules: PolicyDocument["rules"] = [{ allow: ["call"], who: [subject] }];
    expect(asks(rules, call, { build: ["@ci"], ops: ["@deployer"] }).allowed).toBe(allowed);
  });

  test("takes whoever may change operators for an operator", () => {
    const admin = member("root", { roles: ["admin"] });
    expect(asks([{ allow: ["call"], who: ["role:operator"] }], { ...call, who: admin }).allowed).toBe(true);
  });

  test("names those it is done to in the same way", () => {
    const rules: PolicyDocument["rules"] = [{ allow: ["call"], to: ["tag:ops"] }];
    const tags = { ops: ["@deployer"] };
    expect(asks(rules, call, tags).allowed).toBe(true);
    expect(asks(rules, { ...call, to: alice }, tags).allowed).toBe(false);
    expect(asks(rules, { ...call, to: undefined }, tags).allowed).toBe(false);
  });

  test.each([
    ["deploy", true],
    ["deploy-*", false],
    ["dep*", true],
    ["*", true],
    ["undeploy", false],
  ])("is about the skills that %s fits", (pattern, allowed) => {
    expect(asks([{ allow: ["call"], skills: [pattern] }], call).allowed).toBe(allowed);
  });

  test("is about channels with and without their sign", () => {
    const post: PolicyQuestion = { action: "post", who: ci, channel: "releases" };
    expect(asks([{ allow: ["post"], channels: ["#releases"] }], post).allowed).toBe(true);
    expect(asks([{ allow: ["post"], channels: ["rel*"] }], post).allowed).toBe(true);
    expect(asks([{ allow: ["post"], channels: ["#general"] }], post).allowed).toBe(false);
    expect(asks([{ allow: ["post"] }, { deny: ["post"], channels: ["#releases"] }], post).allowed).toBe(false);
  });

  test("is held to what a member's admission is limited to", () => {
    const limited = member("temp", { scope: { skills: ["read-*"], channels: ["general"] } });
    const open: PolicyDocument["rules"] = [{ allow: ["call", "post"] }];
    expect(asks(open, { ...call, who: limited })).toMatchObject({ allowed: false, reason: "out-of-scope" });
    expect(asks(open, { ...call, who: limited, skill: "read-file" }).allowed).toBe(true);
    expect(asks(open, { action: "post", who: limited, channel: "releases" }).reason).toBe("out-of-scope");
    expect(asks(open, { action: "post", who: limited, channel: "general" }).allowed).toBe(true);
  });

  test("asks for the strictest approval of the rules that allow", () => {
    const rules: PolicyDocument["rules"] = [
      { allow: ["call"] },
      { allow: ["call"], skills: ["deploy"], approval: { quorum: 2 } },
      { allow: ["call"], skills: ["deploy"], approval: { withinMs: 60_000 } },
    ];
    expect(asks(rules, call)).toMatchObject({ allowed: true, rule: 1, approval: { quorum: 2, withinMs: 60_000 } });
    expect(asks(rules, { ...call, skill: "status" })).toMatchObject({ allowed: true, rule: 0, approval: undefined });
  });

  test("says of each rule what does not fit", () => {
    const rules: PolicyDocument["rules"] = [
      { allow: ["post"] },
      { allow: ["call"], who: ["@alice"] },
      { allow: ["call"], to: ["@alice"] },
      { allow: ["call"], skills: ["status"] },
      { deny: ["call"], channels: ["#x"] },
      { allow: ["call"] },
    ];
    expect(
      policy({ rules })
        .explain(call)
        .map(({ mismatch }) => mismatch),
    ).toEqual(["action", "who", "to", "skill", "channel", undefined]);
  });

  test("lets two see each other when one may reach the other", () => {
    const rules: PolicyDocument["rules"] = [{ allow: ["call"], who: ["@ci"], to: ["@deployer"], skills: ["deploy"] }];
    const held = policy({ rules });
    expect(held.maySee(ci, deployer)).toBe(true);
    expect(held.maySee(deployer, ci)).toBe(true);
    expect(held.maySee(alice, deployer)).toBe(false);
    expect(held.maySee(alice, alice)).toBe(true);
  });

  test("closes the way as a whole only by a rule about all skills", () => {
    const some = policy({ rules: [{ allow: ["call"] }, { deny: ["call"], who: ["@ci"], skills: ["deploy"] }] });
    expect(some.mayReach(ci, deployer)).toBe(true);
    const all = policy({ rules: [{ allow: ["call"] }, { deny: ["call"], who: ["@ci"] }] });
    expect(all.mayReach(ci, deployer)).toBe(false);
    expect(all.mayReach(alice, deployer)).toBe(true);
  });

  test("gives the budgets that fit, and those with an end in the place of the others", () => {
    const held = policy({
      rules: [],
      budgets: [
        { who: ["kind:agent"], messages: { hour: 100 } },
        { who: ["@ci"], messages: { day: 500 } },
        { who: ["@ci"], messages: { hour: 1000 }, until: 5000 },
      ],
    });
    expect(held.budgetsOf(ci, 4999)).toEqual([{ who: ["@ci"], messages: { hour: 1000 }, until: 5000 }]);
    expect(held.budgetsOf(ci, 5000)).toHaveLength(2);
    expect(held.budgetsOf(alice, 0)).toEqual([]);
  });
});

describe("the policy that is built in", () => {
  const built = new Policy();

  test.each([
    [alice, "see", true],
    [alice, "call", true],
    [alice, "invite", false],
    [boss, "invite", true],
    [boss, "approve", true],
    [guest, "message", true],
    [guest, "call", false],
    [observer, "see", true],
    [observer, "message", false],
  ] as const)("answers for %o and %s: %s", (who, action, allowed) => {
    expect(built.decide({ action, who, to: deployer, skill: "deploy", channel: "general" }).allowed).toBe(allowed);
  });
});

describe("a policy's document", () => {
  test.each([
    ["an action that is none", { rules: [{ allow: ["fly"] }] }],
    ["a rule that allows and denies", { rules: [{ allow: ["call"], deny: ["call"] }] }],
    ["a subject of no form", { rules: [{ allow: ["call"], who: ["alice"] }] }],
    ["a role that is none", { rules: [{ allow: ["call"], who: ["role:king"] }] }],
    ["a tag that it does not have", { rules: [{ allow: ["call"], who: ["tag:none"] }] }],
    ["a star in the middle", { rules: [{ allow: ["call"], skills: ["a*b"] }] }],
    ["an approval to deny", { rules: [{ deny: ["call"], approval: {} }] }],
    ["no actions", { rules: [{ allow: [] }] }],
    ["an unknown field", { rules: [], extra: true }],
  ])("is refused with %s", (_title, document) => {
    expect(policyDocumentSchema.safeParse(document).success).toBe(false);
  });

  test.each([256, 257])("has at most 256 rules: %i", (count) => {
    const rules = Array.from({ length: count }, () => ({ allow: ["call"] }));
    expect(policyDocumentSchema.safeParse({ rules }).success).toBe(count <= 256);
  });
});
