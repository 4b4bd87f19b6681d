/**
 * JSON Schemas of skills as they stand on signed cards. A card proves who wrote a schema, not that it means well, so
 * each is bounded before it is looked at, refers to nothing outside itself, and is interpreted under a budget.
 */
import { type AgentCard, limits, skillSchemasExtension } from "@parley/protocol";

import { SchemaGivenUp } from "./schema-budget.ts";
import { isLocalReference, SchemaWalk } from "./schema-walk.ts";

/** `path` is for example `lines[2].text`, empty for the value itself. Neither path nor message holds a value. */
export type SchemaCheck =
  | { readonly ok: true }
  | { readonly ok: false; readonly path: string; readonly message: string };

/** The schemas that a card declares for one skill; undefined where it declares none. */
export interface SkillSchemas {
  readonly input: unknown;
  readonly output: unknown;
}

/** Keywords whose values are data, in which `$ref` means nothing. */
const dataKeywords: readonly string[] = ["const", "enum", "default", "examples"];

/** Reads the schemas of a skill from a card's `skillSchemasExtension`. */
export function skillSchemasOf(card: AgentCard, skill: string): SkillSchemas {
  const params = card.capabilities.extensions?.find(({ uri }) => uri === skillSchemasExtension)?.params;
  const schemas = member(member(params, "skills"), skill);
  return { input: member(schemas, "input"), output: member(schemas, "output") };
}

/**
 * Whether a schema itself is acceptable: an object or boolean of JSON within `limits.schemaBytes` and
 * `limits.schemaDepth`, whose every `$ref` starts with `#` and is the whole schema or a JSON pointer.
 */
export function checkSkillSchema(schema: unknown): SchemaCheck {
  if (typeof schema === "boolean") return { ok: true };
  if (typeof schema !== "object" || schema === null || Array.isArray(schema))
    return misfit("a skill's schema is not an object");
  const fault = faultIn(schema, 1);
  if (fault !== undefined) return misfit(fault);
  const bytes = new TextEncoder().encode(JSON.stringify(schema)).length;
  return bytes > limits.schemaBytes
    ? misfit(`a skill's schema is larger than ${limits.schemaBytes} bytes`)
    : { ok: true };
}

/**
 * Checks a JSON value against a schema from a stranger's card, in bounded time and memory. Never throws: a schema that is
 * not acceptable, or that costs too much, fails the check. Patterns run in linear time (RE2); a pattern that RE2 does
 * not know, and `format`, are not asserted. An absent schema fits everything.
 */
export function checkAgainstSkillSchema(schema: unknown, value: unknown): SchemaCheck {
  if (schema === undefined) return { ok: true };
  const acceptable = checkSkillSchema(schema);
  if (!acceptable.ok) return acceptable;
  try {
    const found = new SchemaWalk(schema).check(value);
    return found === undefined ? { ok: true } : { ok: false, ...found };
  } catch (error) {
    if (error instanceof SchemaGivenUp) return misfit(error.message);
    throw error;
  }
}

function faultIn(node: unknown, depth: number, isData = false): string | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  if (depth > limits.schemaDepth) return `a skill's schema is nested deeper than ${limits.schemaDepth} levels`;
  for (const [key, inner] of Object.entries(node)) {
    if (!isData && key === "$ref" && typeof inner === "string" && !isLocalReference(inner)) {
      return "a skill's schema refers to something outside itself";
    }
    const fault = faultIn(inner, depth + 1, isData || dataKeywords.includes(key));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

function misfit(message: string): SchemaCheck {
  return { ok: false, path: "", message };
}
