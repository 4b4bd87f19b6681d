import { type AgentCard, limits, skillSchemasExtension } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { checkAgainstSkillSchema, checkSkillSchema, skillSchemasOf } from "../../src/tasks/skill-schema.ts";

const ok = { ok: true };
const refused = (path: string, message: RegExp | string) => ({
  ok: false,
  path,
  message: typeof message === "string" ? message : expect.stringMatching(message),
});

/** Far above what a bounded check takes, far below what an unbounded one would. */
const patienceMs = 3_000;

function timed(run: () => unknown): number {
  const started = performance.now();
  run();
  return performance.now() - started;
}

describe("checkAgainstSkillSchema", () => {
  const passage = {
    type: "object",
    properties: { text: { type: "string", minLength: 1 }, line: { type: "integer", minimum: 1 } },
    required: ["text", "line"],
    additionalProperties: false,
  };
  const answer = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: { passages: { type: "array", items: passage, maxItems: 3 }, note: { type: "string" } },
    required: ["passages"],
    additionalProperties: false,
  };

  it("accepts what fits and says where something does not", () => {
    expect(checkAgainstSkillSchema(answer, { passages: [{ text: "a", line: 1 }] })).toEqual(ok);
    expect(checkAgainstSkillSchema(answer, {})).toEqual(refused("passages", "is missing"));
    expect(checkAgainstSkillSchema(answer, { passages: [{ text: "a", line: "1" }] })).toEqual(
      refused("passages[0].line", "expected integer, got string"),
    );
    expect(checkAgainstSkillSchema(answer, { passages: [], more: 1 })).toEqual(refused("more", "is not allowed"));
  });

  it("never repeats the value in its answer", () => {
    const result = checkAgainstSkillSchema({ type: "object", properties: { a: { enum: ["x"] } } }, { a: "hunter2" });
    expect(JSON.stringify(result)).not.toContain("hunter2");
  });

  it.each([
    [{ type: ["string", "null"] }, null, 1],
    [{ const: { a: [1, 2] } }, { a: [1, 2] }, { a: [2, 1] }],
    [{ enum: [1, { b: 2 }] }, { b: 2 }, { b: 3 }],
    [{ allOf: [{ minimum: 1 }, { maximum: 3 }] }, 2, 4],
    [{ anyOf: [{ type: "string" }, { minimum: 5 }] }, 6, 4],
    [{ oneOf: [{ minimum: 2 }, { maximum: 5 }] }, 1, 3],
    [{ not: { type: "string" } }, 1, "x"],
    [JSON.parse('{"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}}'), "ab", 1],
    [{ exclusiveMinimum: 0, exclusiveMaximum: 1 }, 0.5, 1],
    [{ multipleOf: 0.1 }, 0.3, 0.35],
    [{ minLength: 2, maxLength: 2 }, "😀😀", "😀"],
    [{ prefixItems: [{ type: "string" }], items: { type: "number" } }, ["a", 1], ["a", "b"]],
    [{ items: [{ type: "string" }], additionalItems: false }, ["a"], ["a", 1]],
    [{ contains: { const: 1 }, maxContains: 1 }, [1, 2], [1, 1]],
    [
      { uniqueItems: true },
      [{ a: 1, b: 2 }],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
    [{ minItems: 1, maxItems: 1 }, [1], []],
    [{ minProperties: 1, maxProperties: 1 }, { a: 1 }, { a: 1, b: 2 }],
    [{ propertyNames: { pattern: "^[a-z]+$" } }, { a: 1 }, { A: 1 }],
    [{ patternProperties: { "^n": { type: "number" } }, additionalProperties: false }, { n1: 1 }, { m: 1 }],
    [{ dependentRequired: { a: ["b"] } }, { a: 1, b: 2 }, { a: 1 }],
    [{ dependentSchemas: { a: { required: ["b"] } } }, { b: 1 }, { a: 1 }],
    [{ pattern: "^\\d+$" }, "12", "1a"],
    [{ $defs: { n: { type: "number" } }, items: { $ref: "#/$defs/n" } }, [1], ["1"]],
  ])("reads %j", (schema, fits, misfits) => {
    expect(checkAgainstSkillSchema(schema, fits)).toEqual(ok);
    expect(checkAgainstSkillSchema(schema, misfits)).toMatchObject({ ok: false });
  });

  it("follows a schema that describes a tree", () => {
    const tree = {
      type: "object",
      properties: { children: { type: "array", items: { $ref: "#" } } },
      required: ["children"],
    };
    expect(checkAgainstSkillSchema(tree, { children: [{ children: [] }] })).toEqual(ok);
    expect(checkAgainstSkillSchema(tree, { children: [{}] })).toEqual(refused("children[0].children", "is missing"));
  });

  it("does not take inherited names for fields", () => {
    expect(checkAgainstSkillSchema({ required: ["toString"] }, {})).toMatchObject({ ok: false });
    expect(checkAgainstSkillSchema({ additionalProperties: false }, JSON.parse('{"__proto__": 1}'))).toMatchObject({
      ok: false,
    });
  });
});

describe("a hostile schema", () => {
  it("does not stall on a catastrophic pattern", () => {
    const text = `${"a".repeat(200_000)}!`;
    const took = timed(() =>
      expect(checkAgainstSkillSchema({ pattern: "^(a+)+$" }, text)).toMatchObject({ ok: false }),
    );
    expect(took).toBeLessThan(patienceMs);
  });

  it("does not stall on a thousand patterns or on large ones", () => {
    const many = { allOf: Array.from({ length: 400 }, (_, index) => ({ pattern: `^(?:a?){500}b{${index}}` })) };
    const large = { pattern: "((a{0,10}){0,10}){0,10}$" };
    const text = "a".repeat(200_000);
    expect(timed(() => checkAgainstSkillSchema(many, text))).toBeLessThan(patienceMs);
    expect(timed(() => checkAgainstSkillSchema(large, text))).toBeLessThan(patienceMs);
  });

  it("leaves a pattern alone that needs look-around", () => {
    expect(checkAgainstSkillSchema({ pattern: "^(?!a)(a+)+$" }, "a".repeat(50))).toEqual(ok);
    expect(
      checkAgainstSkillSchema({ patternProperties: { "(?=x)": false }, additionalProperties: false }, { x: 1 }),
    ).toEqual(ok);
  });

  it("ends when it refers to itself without end", () => {
    expect(checkAgainstSkillSchema({ $ref: "#" }, 1)).toEqual(refused("", /without end/));
    const pair = { $defs: { a: { $ref: "#/$defs/b" }, b: { anyOf: [{ $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" };
    expect(checkAgainstSkillSchema(pair, {})).toEqual(refused("", /without end/));
  });

  it("ends when its references double at every step", () => {
    const $defs: Record<string, unknown> = { a60: {} };
    for (let n = 0; n < 60; n++)
      $defs[`a${n}`] = { allOf: [{ $ref: `#/$defs/a${n + 1}` }, { $ref: `#/$defs/a${n + 1}` }] };
    let result: unknown;
    expect(timed(() => (result = checkAgainstSkillSchema({ $defs, $ref: "#/$defs/a0" }, 1)))).toBeLessThan(patienceMs);
    expect(result).toEqual(refused("", /too long/));
  });

  it("ends when many rules meet a large value", () => {
    const items = { items: { allOf: Array.from({ length: 3_000 }, () => ({})) } };
    const unique = { allOf: Array.from({ length: 500 }, () => ({ uniqueItems: true })) };
    const value = Array.from({ length: 50_000 }, (_, index) => index);
    expect(timed(() => checkAgainstSkillSchema(items, value))).toBeLessThan(patienceMs);
    expect(timed(() => checkAgainstSkillSchema(unique, value))).toBeLessThan(patienceMs);
  });

  it.each(["https://example.org/schema", "other.json#/a", "#anchor", "file:///etc/passwd", ""])(
    "may not refer to %j",
    ($ref) => {
      expect(checkAgainstSkillSchema({ properties: { a: { $ref } } }, {})).toEqual(refused("", /outside itself/));
    },
  );

  it("is refused when it refers to what it lacks, or through data to the outside", () => {
    expect(checkAgainstSkillSchema({ $ref: "#/$defs/none" }, 1)).toEqual(refused("", /which it lacks/));
    expect(checkAgainstSkillSchema({ const: 1, $ref: "#/const" }, 1)).toEqual(ok);
    const hidden = { default: { $ref: "http://example.org" }, $ref: "#/default" };
    expect(checkAgainstSkillSchema(hidden, 1)).toEqual(refused("", /outside itself/));
  });

  it.each([null, 1, "x", [], [{}]])("%j is none", (schema) => {
    expect(checkAgainstSkillSchema(schema, 1)).toMatchObject({ ok: false });
  });

  it.each([
    { type: 7, required: "a", enum: {}, minLength: "x", pattern: 3, properties: [], allOf: {}, items: 1 },
    { multipleOf: 0 },
    { pattern: "(" },
  ])("of wrong keyword values (%j) does no harm", (schema) => {
    expect(checkAgainstSkillSchema(schema, { a: ["b", 1] })).toEqual(ok);
    expect(checkAgainstSkillSchema(schema, "text")).toEqual(ok);
    expect(checkAgainstSkillSchema(schema, 5)).toEqual(ok);
  });
});

describe("checkSkillSchema", () => {
  it("takes a schema at the limit of bytes and refuses one above", () => {
    const withBytes = (bytes: number) => ({ title: "x".repeat(bytes - JSON.stringify({ title: "" }).length) });
    expect(checkSkillSchema(withBytes(limits.schemaBytes - 1))).toEqual(ok);
    expect(checkSkillSchema(withBytes(limits.schemaBytes))).toEqual(ok);
    expect(checkSkillSchema(withBytes(limits.schemaBytes + 1))).toEqual(refused("", /larger than/));
  });

  it("takes a schema at the limit of depth and refuses one above, or one that holds itself", () => {
    const nested = (levels: number): object => (levels === 1 ? {} : { not: nested(levels - 1) });
    expect(checkSkillSchema(nested(limits.schemaDepth - 1))).toEqual(ok);
    expect(checkSkillSchema(nested(limits.schemaDepth))).toEqual(ok);
    expect(checkSkillSchema(nested(limits.schemaDepth + 1))).toEqual(refused("", /deeper than/));
    const round: Record<string, unknown> = {};
    round["not"] = round;
    expect(checkSkillSchema(round)).toEqual(refused("", /deeper than/));
  });
});

describe("skillSchemasOf", () => {
  const card = (params: Record<string, never>): AgentCard => ({
    name: "a",
    description: "",
    version: "1",
    supportedInterfaces: [{ url: "x", protocolBinding: "x", protocolVersion: "1.0" }],
    capabilities: { extensions: [{ uri: skillSchemasExtension, params }] },
    defaultInputModes: ["application/json"],
    defaultOutputModes: ["application/json"],
    skills: [],
  });

  it("finds a skill's schemas and nothing where there are none", () => {
    const params = JSON.parse('{"skills": {"search": {"input": {"type": "object"}}}}');
    expect(skillSchemasOf(card(params), "search")).toEqual({ input: { type: "object" }, output: undefined });
    expect(skillSchemasOf(card(params), "constructor")).toEqual({ input: undefined, output: undefined });
    expect(skillSchemasOf(card(JSON.parse('{"skills": 5}')), "search")).toEqual({
      input: undefined,
      output: undefined,
    });
  });
});
