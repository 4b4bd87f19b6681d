import { isParleyError } from "@parley/protocol";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";

import { call, callAny } from "../src/call.ts";
import type { AnySkill, SkillInput, SkillOutput } from "../src/skill.ts";
import { defineSkill, isSkill } from "../src/skill.ts";
import { FakeDevice } from "./fake-device.ts";

const search = defineSkill({
  id: "search",
  description: "Finds passages",
  tags: ["docs"],
  input: z.object({ query: z.string(), most: z.int().default(5) }),
  output: z.object({ passages: z.array(z.string()), total: z.int().default(1) }),
  run: ({ query, most }) => ({ passages: [`${query}${most}`] }),
});

/** A schema of some library that is not Zod, with or without JSON Schema. */
function foreign(extra: object = {}): StandardSchemaV1<number, string> {
  const validate = (value: unknown) =>
    typeof value === "number" ? { value: String(value) } : { issues: [{ message: "not a number" }] };
  return { "~standard": { version: 1, vendor: "elsewhere", validate, ...extra } };
}

describe("defineSkill", () => {
  it("writes JSON Schemas: what a caller sends, and what it gets", () => {
    const skill = defineSkill({
      ...search,
      run: search.run.bind(search) as never,
      output: z.object({ n: z.number() }),
    });
    expect(skill.inputJsonSchema).toEqual({
      type: "object",
      properties: { query: { type: "string" }, most: expect.objectContaining({ type: "integer", default: 5 }) },
      required: ["query"],
    });
    expect(search.outputJsonSchema).toMatchObject({ type: "object", required: ["passages", "total"] });
  });

  it("takes JSON Schema from a library that offers it, or from the author", () => {
    const offered = foreign({ jsonSchema: { input: () => ({ type: "number" }), output: () => ({ type: "string" }) } });
    const common = { id: "a", run: () => 1 };
    expect(defineSkill({ ...common, input: offered, output: offered })).toMatchObject({
      inputJsonSchema: { type: "number" },
      outputJsonSchema: { type: "string" },
    });
    const given = { inputJsonSchema: { type: "number" }, outputJsonSchema: { type: "string" } };
    expect(defineSkill({ ...common, input: foreign(), output: foreign(), ...given })).toMatchObject(given);
    expect(() => defineSkill({ ...common, input: foreign(), output: foreign() })).toThrow(
      "elsewhere writes no JSON Schema by itself; give inputJsonSchema",
    );
  });

  it("names the skill whose types cannot travel as JSON", () => {
    const wrong = () =>
      defineSkill({ id: "bad", input: z.object({ at: z.date() }), output: z.string(), run: () => "" });
    expect(wrong).toThrow("Skill bad: its input has no JSON Schema");
  });

  it.each(["", "a b", "-a", "a/b", "x".repeat(65)])("refuses the id %j", (id) => {
    const codes: unknown[] = [];
    try {
      defineSkill({ id, input: z.string(), output: z.string(), run: (text) => text });
    } catch (error) {
      codes.push(isParleyError(error) ? error.code : error);
    }
    expect(codes).toEqual(["invalid_manifest"]);
  });

  it("is recognised by its mark", () => {
    expect(isSkill(search)).toBe(true);
    expect([undefined, null, {}, "search", () => {}].map(isSkill)).toEqual([false, false, false, false, false]);
  });
});

describe("a caller that has a skill's type", () => {
  const device = new FakeDevice();
  device.answer = () => ({ output: { passages: ["x"], total: 3 } });

  it("writes typed input and gets typed output", async () => {
    const found = await call<typeof search>(device, "search", "@librarian", { query: "a" });
    expectTypeOf(found).toEqualTypeOf<{ passages: string[]; total: number }>();
    expect(found.total).toBe(3);
    expect(device.delegated.at(-1)).toEqual({ to: "@librarian", request: { skill: "search", input: { query: "a" } } });
    const any = await callAny(device, search, { query: "b", most: 2 });
    expectTypeOf(any).toEqualTypeOf<{ passages: string[]; total: number }>();
    expect(device.delegated.at(-1)).toMatchObject({ to: undefined, request: { input: { query: "b", most: 2 } } });
  });

  it("is held to the types by the compiler", () => {
    expectTypeOf<SkillInput<typeof search>>().toEqualTypeOf<{ query: string; most?: number | undefined }>();
    expectTypeOf<SkillOutput<typeof search>>().toEqualTypeOf<{ passages: string[]; total: number }>();
    expectTypeOf(search).toExtend<AnySkill>();
    expectTypeOf(call<typeof search>)
      .parameter(1)
      .toEqualTypeOf<"search" | typeof search>();
    // The author's side: input after its defaults, output before its defaults.
    expectTypeOf(search.run).parameter(0).toEqualTypeOf<{ query: string; most: number }>();
    expectTypeOf<{ querry: string }>().not.toExtend<SkillInput<typeof search>>();
  });
});
