import { ParleyError } from "@parley/protocol";
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";

type JsonSchema = Readonly<Record<string, unknown>>;
type Side = "input" | "output";

/** The dialect of every schema on a card. */
const target = "draft-2020-12";

/** JSON Schema of what a caller sends, from the library that wrote the schema. Throws `invalid_manifest`. */
export function inputSchemaOf(skill: string, schema: StandardSchemaV1): JsonSchema {
  return jsonSchemaOf(skill, schema, "input");
}

/** JSON Schema of what a caller gets, after any transformation. Throws `invalid_manifest`. */
export function outputSchemaOf(skill: string, schema: StandardSchemaV1): JsonSchema {
  return jsonSchemaOf(skill, schema, "output");
}

function jsonSchemaOf(skill: string, schema: StandardSchemaV1, side: Side): JsonSchema {
  const written = write(skill, schema, side);
  const { $schema: _, "~standard": _own, ...rest } = written;
  return rest;
}

function write(skill: string, schema: StandardSchemaV1, side: Side): JsonSchema {
  try {
    if (offersJsonSchema(schema)) return schema["~standard"].jsonSchema[side]({ target });
    if (isZod(schema)) return z.toJSONSchema(schema, { io: side, target });
  } catch (error) {
    throw new ParleyError("invalid_manifest", {
      message: `Skill ${skill}: its ${side} has no JSON Schema; use plain JSON types or give ${side}JsonSchema.`,
      cause: error,
    });
  }
  throw new ParleyError("invalid_manifest", {
    message: `Skill ${skill}: ${schema["~standard"].vendor} writes no JSON Schema by itself; give ${side}JsonSchema.`,
  });
}

function offersJsonSchema(schema: StandardSchemaV1): schema is StandardSchemaV1 & StandardJSONSchemaV1 {
  return "jsonSchema" in schema["~standard"];
}

function isZod(schema: StandardSchemaV1): schema is StandardSchemaV1 & z.core.$ZodType {
  return schema["~standard"].vendor === "zod" && "_zod" in schema;
}
