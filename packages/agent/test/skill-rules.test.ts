import { limits, toParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { createAgent } from "../src/agent.ts";
import { ruleOf, SkillGate, skillLimitsSchema } from "../src/skill-rules.ts";
import { trySkill } from "../src/skill-trial.ts";
import { defineSkill } from "../src/skill.ts";

const plain = { id: "search", access: undefined, limits: undefined };
const caller = { name: "ann", kind: "agent" as const, roles: ["member"] };

describe("the rules of a skill", () => {
  it("are those of the manifest where both set a limit, and both where both name callers", () => {
    const own = { ...plain, access: ["@ann"], limits: { concurrent: 4, perMinute: 10 } };
    const rules = { search: { access: ["tag:team"], limits: { concurrent: 1, timeSeconds: undefined } } };
    expect(ruleOf(own, rules)).toEqual({
      access: [["@ann"], ["tag:team"]],
      limits: { concurrent: 1, perMinute: 10 },
    });
    expect(ruleOf(plain, JSON.parse('{"__proto__": {"access": ["@eve"]}}') as typeof rules)).toEqual({
      access: [],
      limits: {},
    });
  });

  it.each([
    [["@ann"], true],
    [["@bob"], false],
    [["tag:team"], true],
    [["tag:other"], false],
    [["kind:agent"], true],
    [["kind:person"], false],
    [["role:member"], true],
    [["role:operator"], false],
    [["@bob", "tag:team"], true],
    [["*"], true],
  ])("with %j the caller is let in: %s", (access, may) => {
    const gate = new SkillGate({ ...plain, access }, {}, new FakeClock());
    const outcome = (): string => {
      try {
        gate.checkAccess(caller, { tags: ["team"] });
        return "let in";
      } catch (error) {
        return toParleyError(error).code;
      }
    };
    expect(outcome()).toBe(may ? "let in" : "forbidden");
  });

  it("bound tasks at once and a minute, and their time", async () => {
    const clock = new FakeClock();
    const gate = new SkillGate({ ...plain, limits: { concurrent: 2, perMinute: 3, timeSeconds: 2 } }, {}, clock);
    const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const atWork = ends.map(({ promise }) => gate.during(() => promise));
    await expect(gate.during(async () => undefined)).rejects.toMatchObject({ code: "limit_reached" });
    for (const { resolve } of ends) resolve();
    await Promise.all(atWork);
    await gate.during(async () => undefined);
    expect(() => gate.check()).toThrow(expect.objectContaining({ code: "rate_limited" }) as Error);
    clock.advance(20_000);
    expect(() => gate.check()).not.toThrow();
    expect(gate.timeMs(1_000)).toBe(1_000);
    expect(gate.timeMs(60_000)).toBe(2_000);
  });

  it("are refused where they are no rules", () => {
    const skill = (more: object) => () =>
      defineSkill({ id: "x", input: z.object({}), output: z.string(), run: () => "", ...more });
    expect(skill({ access: ["ann"] })).toThrow(/access of the skill x/);
    expect(skill({ access: [] })).toThrow(/access of the skill x/);
    expect(skill({ limits: { concurrent: 0 } })).toThrow(/limits of the skill x/);
    expect(skill({ limits: { more: 1 } })).toThrow(/limits of the skill x/);
    const most = limits.taskMs / 1000;
    expect(skillLimitsSchema.safeParse({ timeSeconds: most }).success).toBe(true);
    expect(skillLimitsSchema.safeParse({ timeSeconds: most + 1 }).success).toBe(false);
    expect(skillLimitsSchema.safeParse({ timeSeconds: 0.09 }).success).toBe(false);
    expect(() =>
      createAgent({
        name: "self",
        skills: [],
      }),
    ).not.toThrow();
  });
});

describe("a skill that is tried by itself", () => {
  const agent = createAgent({ name: "self", skills: [] });

  it("is bounded by its own time, and reaches no mesh", async () => {
    const clock = new FakeClock();
    const hang = defineSkill({
      id: "hang",
      limits: { timeSeconds: 3 },
      input: z.object({}),
      output: z.string(),
      run: () => new Promise<string>(() => undefined),
    });
    const trial = trySkill({ agent, skill: hang, input: {}, clock });
    trial.catch(() => undefined);
    await clock.run(3_000);
    await expect(trial).rejects.toMatchObject({ code: "timeout" });
    const calls = defineSkill({
      id: "calls",
      input: z.object({}),
      output: z.string(),
      run: async (_, { mesh }) => (await mesh.findAgent("x")).name,
    });
    await expect(trySkill({ agent, skill: calls, input: {}, clock })).rejects.toMatchObject({ code: "not_connected" });
  });

  it("is checked on both sides as a task of it is", async () => {
    const clock = new FakeClock();
    const skill = defineSkill({
      id: "half",
      input: z.object({ n: z.number() }),
      output: z.int(),
      run: ({ n }) => n / 2,
    });
    expect(await trySkill({ agent, skill, input: { n: 4 }, clock })).toBe(2);
    await expect(trySkill({ agent, skill, input: { n: 3 }, clock })).rejects.toMatchObject({ code: "invalid_output" });
    await expect(trySkill({ agent, skill, input: {}, clock })).rejects.toMatchObject({ code: "invalid_input" });
  });
});
