import { type AnySchema, jsonSchemaOf } from "./json-schema.ts";

/** One way in which a value is wrong. */
export interface WrongValue {
  readonly what: string;
  readonly value: unknown;
}

interface Shape {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
}

/**
 * Every single change of a valid value that its JSON Schema forbids: each field missing, of another type, too long, out
 * of range, and a field too many in each closed object. Alternatives are left alone.
 */
export function wrongValues(schema: AnySchema, valid: unknown): readonly WrongValue[] {
  return [...changes(jsonSchemaOf(schema), valid, "")];
}

function* changes(shape: Shape, valid: unknown, path: string): Generator<WrongValue> {
  if (shape.anyOf !== undefined || shape.oneOf !== undefined || Object.keys(shape).length === 0) return;
  for (const value of otherTypes(shape)) yield { what: `${path} is ${JSON.stringify(value)}`, value };
  if (shape.maxLength !== undefined) yield { what: `${path} is too long`, value: "a".repeat(shape.maxLength + 1) };
  if (shape.maximum !== undefined) yield { what: `${path} is too large`, value: shape.maximum + 1 };
  if (shape.minimum !== undefined) yield { what: `${path} is too small`, value: shape.minimum - 1 };
  if (shape.type === "integer") yield { what: `${path} is a fraction`, value: 1.5 };
  if (shape.enum !== undefined || shape.const !== undefined)
    yield { what: `${path} is another word`, value: "another" };
  if (Array.isArray(valid)) yield* ofArray(shape, valid, path);
  else if (typeof valid === "object" && valid !== null) yield* ofObject(shape, valid as Record<string, unknown>, path);
}

function otherTypes(shape: Shape): readonly unknown[] {
  if (shape.type === undefined) return [];
  const samples: Readonly<Record<string, unknown>> = {
    string: "\u0000",
    integer: -7.5,
    boolean: true,
    array: ["\u0000"],
    object: { "\u0000": 1 },
  };
  return [
    null,
    ...Object.entries(samples)
      .filter(([type]) => type !== shape.type && !(type === "integer" && shape.type === "number"))
      .map(([, value]) => value),
  ];
}

function* ofArray(shape: Shape, valid: readonly unknown[], path: string): Generator<WrongValue> {
  const [first] = valid;
  if (shape.maxItems !== undefined && first !== undefined)
    yield { what: `${path} has too many entries`, value: Array(shape.maxItems + 1).fill(first) };
  if (shape.items === undefined || first === undefined) return;
  for (const { what, value } of changes(shape.items, first, `${path}[0]`))
    yield { what, value: [value, ...valid.slice(1)] };
}

function* ofObject(shape: Shape, valid: Readonly<Record<string, unknown>>, path: string): Generator<WrongValue> {
  if (shape.additionalProperties === false)
    yield { what: `${path} has a field too many`, value: { ...valid, extra: 1 } };
  for (const field of shape.required ?? []) {
    const { [field]: _, ...rest } = valid;
    yield { what: `${path}.${field} is missing`, value: rest };
  }
  for (const [field, inner] of Object.entries(shape.properties ?? {})) {
    if (!(field in valid)) continue;
    for (const { what, value } of changes(inner, valid[field], `${path}.${field}`))
      yield { what, value: { ...valid, [field]: value } };
  }
}
