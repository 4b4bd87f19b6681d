import { z } from "zod";

export type AnySchema = z.ZodType;

/** A schema as it is for whoever writes a message: fields that a reader ignores are not forbidden. */
export const jsonSchemaOf = (schema: AnySchema): object =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
