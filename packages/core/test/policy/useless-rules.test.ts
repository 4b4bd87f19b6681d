import type { PolicyDocument } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { uselessParts } from "../../src/policy/useless-rules.ts";

const of = (document: Partial<PolicyDocument>, ...known: readonly string[]) =>
  uselessParts({ rules: [], ...document }, known.length === 0 ? undefined : new Set(known)).map(({ path, says }) => [
    path.join("."),
    says,
  ]);

describe("what a policy has for nothing", () => {
  it("is names that nobody has, where names are known", () => {
    const document: Partial<PolicyDocument> = {
      tags: { t: ["@gone"] },
      rules: [{ allow: ["call"], who: ["@gone", "@here", "tag:t"] }],
    };
    expect(of(document)).toEqual([]);
    expect(of(document, "here")).toEqual([
      ["rules.0.who.0", "no member is called @gone"],
      ["tags.t.0", "no member is called @gone"],
    ]);
  });

  it("is tags that nothing uses, and tags that nobody has", () => {
    expect(of({ tags: { t: ["@a"], e: [] }, rules: [{ allow: ["call"], to: ["tag:e"] }] })).toEqual([
      ["rules.0.to.0", "nobody has tag:e"],
      ["tags.t", "no rule and no budget uses tag:t"],
    ]);
  });

  it("is rules that fit no act", () => {
    expect(of({ rules: [{ allow: ["post"], skills: ["x"] }] })[0]?.[0]).toBe("rules.0.skills");
    expect(of({ rules: [{ allow: ["call"], channels: ["x"] }] })[0]?.[0]).toBe("rules.0.channels");
    expect(of({ rules: [{ deny: ["call", "post"], skills: ["x"], channels: ["y"] }] })[0]?.[0]).toBe(
      "rules.0.channels",
    );
    expect(of({ rules: [{ allow: ["post"], to: ["@a"] }] })[0]?.[0]).toBe("rules.0.to");
    expect(of({ rules: [{ allow: ["post", "message"], to: ["@a"] }] })).toEqual([]);
    expect(of({ rules: [{ allow: ["approve"], skills: ["deploy"] }] })).toEqual([]);
  });

  it("is rules whose every case another one denies", () => {
    const deny: PolicyDocument["rules"][number] = { deny: ["call", "post"], who: ["@a", "@b"], skills: ["dep*"] };
    expect(of({ rules: [{ allow: ["call"], who: ["@a"], skills: ["deploy"] }, deny] })).toEqual([
      ["rules.0", "rule 2 denies all that this one allows"],
    ]);
    for (const rule of [
      { allow: ["call" as const], who: ["@a"] },
      { allow: ["call" as const], who: ["@c"], skills: ["deploy"] },
      { allow: ["call" as const, "message" as const], who: ["@a"], skills: ["deploy"] },
      { allow: ["call" as const], skills: ["deploy"] },
    ])
      expect(of({ rules: [rule, deny] })).toEqual([]);
    expect(
      of({
        rules: [
          { allow: ["call"], who: ["@a"] },
          { deny: ["call"], who: ["*"] },
        ],
      }),
    ).toHaveLength(1);
    // A message has no skill, so that a rule about skills says nothing of it.
    for (const patterns of [{ skills: ["*"] }, { channels: ["*"] }])
      expect(
        of({ rules: [{ allow: ["message", "call", "post"] }, { deny: ["message", "call", "post"], ...patterns }] }),
      ).toEqual([]);
  });
});
