/**
 * JSON Schema 2020-12 (and draft-07's `items` list) by interpretation, under a budget. Not asserted: `format` (an
 * annotation since 2019-09), `unevaluatedItems`, `unevaluatedProperties`, `$dynamicRef`, and keywords nobody defined.
 * A shared validator could not be used: none counts its steps, and thirty definitions that each refer twice to the next
 * one kept one busy for minutes.
 */
import { SchemaBudget, SchemaGivenUp } from "./schema-budget.ts";
import { SchemaPatterns } from "./schema-pattern.ts";

/** Where and how a value does not fit. */
export interface Misfit {
  /** For example `lines[2].text`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Checks one value against one schema; make a new one for each check. Throws `SchemaGivenUp` when it costs too much. */
export class SchemaWalk {
  readonly #root: unknown;
  readonly #budget = new SchemaBudget();
  readonly #patterns = new SchemaPatterns(this.#budget);

  constructor(root: unknown) {
    this.#root = root;
  }

  /** The first misfit, or undefined when the value fits. */
  check(value: unknown): Misfit | undefined {
    return this.#visit(this.#root, value, "");
  }

  #visit(schema: unknown, value: unknown, path: string): Misfit | undefined {
    this.#budget.spend(1);
    if (schema === false) return { path, message: "is not allowed" };
    if (!isObject(schema)) return undefined;
    return this.#budget.nest(
      () =>
        this.#reference(schema, value, path) ??
        this.#shape(schema, value, path) ??
        this.#combined(schema, value, path) ??
        this.#inner(schema, value, path),
    );
  }

  #reference(schema: JsonObject, value: unknown, path: string): Misfit | undefined {
    const reference = own(schema, "$ref");
    return typeof reference === "string" ? this.#visit(this.#resolve(reference), value, path) : undefined;
  }

  /** A JSON pointer (RFC 6901) within this schema. */
  #resolve(reference: string): unknown {
    if (!isLocalReference(reference)) throw new SchemaGivenUp("the skill's schema refers to something outside itself");
    let target = this.#root;
    for (const part of reference.slice(1).split("/").slice(1)) {
      this.#budget.spend(1);
      const key = decodeURIComponentOr(part).replaceAll("~1", "/").replaceAll("~0", "~");
      target = Array.isArray(target) ? target[Number(key)] : isObject(target) ? own(target, key) : undefined;
    }
    if (target === undefined)
      throw new SchemaGivenUp(`the skill's schema refers to ${reference.slice(0, 80)}, which it lacks`);
    return target;
  }

  /** Type, `enum` and `const`. */
  #shape(schema: JsonObject, value: unknown, path: string): Misfit | undefined {
    const type = own(schema, "type");
    const types = typeof type === "string" ? [type] : list(type);
    if (types.length > 0 && !types.some((name) => isOfType(name, value))) {
      return { path, message: `expected ${types.map(String).join(" or ")}, got ${typeName(value)}` };
    }
    const options = own(schema, "enum");
    if (Array.isArray(options) && !options.some((option) => this.#same(option, value))) {
      return { path, message: "is not one of the allowed values" };
    }
    return Object.hasOwn(schema, "const") && !this.#same(schema["const"], value)
      ? { path, message: "is not the only allowed value" }
      : undefined;
  }

  #combined(schema: JsonObject, value: unknown, path: string): Misfit | undefined {
    for (const part of list(own(schema, "allOf"))) {
      const misfit = this.#visit(part, value, path);
      if (misfit !== undefined) return misfit;
    }
    const fits = (part: unknown): boolean => this.#visit(part, value, path) === undefined;
    const anyOf = list(own(schema, "anyOf"));
    if (anyOf.length > 0 && !anyOf.some(fits)) return { path, message: "fits none of the allowed forms" };
    const oneOf = list(own(schema, "oneOf"));
    if (oneOf.length > 0 && oneOf.filter(fits).length !== 1)
      return { path, message: "does not fit exactly one of the allowed forms" };
    if (Object.hasOwn(schema, "not") && fits(schema["not"]))
      return { path, message: "is of a form that is not allowed" };
    if (!Object.hasOwn(schema, "if")) return undefined;
    return this.#visit(own(schema, fits(schema["if"]) ? "then" : "else"), value, path);
  }

  #inner(schema: JsonObject, value: unknown, path: string): Misfit | undefined {
    if (typeof value === "string") return this.#text(schema, value, path);
    if (typeof value === "number") return numberMisfit(schema, value, path);
    if (Array.isArray(value)) return this.#items(schema, value, path);
    return isObject(value) ? this.#members(schema, value, path) : undefined;
  }

  #text(schema: JsonObject, value: string, path: string): Misfit | undefined {
    this.#budget.spend(value.length >> 6);
    const most = own(schema, "maxLength");
    const least = own(schema, "minLength");
    if (typeof most === "number" && codePoints(value) > most)
      return { path, message: `has more than ${most} characters` };
    if (typeof least === "number" && codePoints(value) < least)
      return { path, message: `has fewer than ${least} characters` };
    const pattern = own(schema, "pattern");
    return typeof pattern === "string" && this.#patterns.occursIn(value, pattern) === false
      ? { path, message: "does not match the pattern" }
      : undefined;
  }

  #items(schema: JsonObject, value: readonly unknown[], path: string): Misfit | undefined {
    const counted = countMisfit(schema, value.length, "Items", path);
    if (counted !== undefined) return counted;
    const items = own(schema, "items");
    const first = Array.isArray(items) ? items : list(own(schema, "prefixItems"));
    const rest = Array.isArray(items) ? own(schema, "additionalItems") : items;
    for (const [index, item] of value.entries()) {
      const misfit = this.#visit(index < first.length ? first[index] : rest, item, `${path}[${index}]`);
      if (misfit !== undefined) return misfit;
    }
    if (own(schema, "uniqueItems") === true && !this.#allDiffer(value)) return { path, message: "has equal items" };
    return this.#contains(schema, value, path);
  }

  #contains(schema: JsonObject, value: readonly unknown[], path: string): Misfit | undefined {
    if (!Object.hasOwn(schema, "contains")) return undefined;
    const fitting = value.filter((item) => this.#visit(schema["contains"], item, path) === undefined).length;
    const least = own(schema, "minContains");
    const most = own(schema, "maxContains");
    const enough =
      fitting >= (typeof least === "number" ? least : 1) && fitting <= (typeof most === "number" ? most : Infinity);
    return enough ? undefined : { path, message: "does not hold the right number of certain items" };
  }

  #members(schema: JsonObject, value: JsonObject, path: string): Misfit | undefined {
    const keys = Object.keys(value);
    const required = list(own(schema, "required"));
    this.#budget.spend(keys.length + required.length);
    for (const key of required) {
      if (typeof key === "string" && !Object.hasOwn(value, key))
        return { path: join(path, key), message: "is missing" };
    }
    const counted = countMisfit(schema, keys.length, "Properties", path);
    if (counted !== undefined) return counted;
    const names = own(schema, "propertyNames");
    for (const key of keys) {
      const misfit =
        (names === undefined ? undefined : this.#visit(names, key, join(path, key))) ??
        this.#member(schema, value, key, path);
      if (misfit !== undefined) return misfit;
    }
    return this.#dependents(schema, value, path);
  }

  #member(schema: JsonObject, value: JsonObject, key: string, path: string): Misfit | undefined {
    const at = join(path, key);
    const properties = own(schema, "properties");
    let known = false;
    if (isObject(properties) && Object.hasOwn(properties, key)) {
      known = true;
      const misfit = this.#visit(properties[key], value[key], at);
      if (misfit !== undefined) return misfit;
    }
    const byPattern = own(schema, "patternProperties");
    for (const [pattern, part] of isObject(byPattern) ? Object.entries(byPattern) : []) {
      this.#budget.spend(1);
      const matches = this.#patterns.occursIn(key, pattern);
      // A pattern that cannot be checked may cover this key: then nothing further is known about it.
      if (matches !== false) known = true;
      const misfit = matches === true ? this.#visit(part, value[key], at) : undefined;
      if (misfit !== undefined) return misfit;
    }
    return known ? undefined : this.#visit(own(schema, "additionalProperties"), value[key], at);
  }

  #dependents(schema: JsonObject, value: JsonObject, path: string): Misfit | undefined {
    const needed = own(schema, "dependentRequired");
    for (const [key, others] of isObject(needed) ? Object.entries(needed) : []) {
      this.#budget.spend(1 + list(others).length);
      const missing = Object.hasOwn(value, key)
        ? list(others).find((other): other is string => typeof other === "string" && !Object.hasOwn(value, other))
        : undefined;
      if (missing !== undefined) return { path: join(path, missing), message: `is missing beside ${key}` };
    }
    const schemas = own(schema, "dependentSchemas");
    for (const [key, part] of isObject(schemas) ? Object.entries(schemas) : []) {
      const misfit = Object.hasOwn(value, key) ? this.#visit(part, value, path) : undefined;
      if (misfit !== undefined) return misfit;
    }
    return undefined;
  }

  #same(left: unknown, right: unknown): boolean {
    this.#budget.spend(1);
    if (left === right) return true;
    if (Array.isArray(left) && Array.isArray(right)) {
      return left.length === right.length && left.every((item, index) => this.#same(item, right[index]));
    }
    if (!isObject(left) || !isObject(right)) return false;
    const keys = Object.keys(left);
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && this.#same(left[key], right[key]))
    );
  }

  /** By one canonical text per item, so that a long list costs its length and not its square. */
  #allDiffer(items: readonly unknown[]): boolean {
    const seen = new Set<string>();
    for (const item of items) {
      const text = canonical(item);
      this.#budget.spend(1 + (text.length >> 3));
      if (seen.has(text)) return false;
      seen.add(text);
    }
    return true;
  }
}

/** The whole schema, or a JSON pointer into it. */
export function isLocalReference(reference: string): boolean {
  return reference === "#" || reference.startsWith("#/");
}

function numberMisfit(schema: JsonObject, value: number, path: string): Misfit | undefined {
  const bound = (key: string, holds: (limit: number) => boolean, words: string): Misfit | undefined => {
    const limit = own(schema, key);
    return typeof limit === "number" && !holds(limit) ? { path, message: `is not ${words} ${limit}` } : undefined;
  };
  return (
    bound("minimum", (limit) => value >= limit, "at least") ??
    bound("maximum", (limit) => value <= limit, "at most") ??
    bound("exclusiveMinimum", (limit) => value > limit, "more than") ??
    bound("exclusiveMaximum", (limit) => value < limit, "less than") ??
    bound("multipleOf", (limit) => limit <= 0 || isMultiple(value, limit), "a multiple of")
  );
}

/** Floating point aside: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) <= Number.EPSILON * Math.max(1, Math.abs(quotient)) * 4;
}

function countMisfit(
  schema: JsonObject,
  count: number,
  what: "Items" | "Properties",
  path: string,
): Misfit | undefined {
  const least = own(schema, `min${what}`);
  const most = own(schema, `max${what}`);
  const noun = what === "Items" ? "items" : "fields";
  if (typeof least === "number" && count < least) return { path, message: `has fewer than ${least} ${noun}` };
  return typeof most === "number" && count > most ? { path, message: `has more than ${most} ${noun}` } : undefined;
}

function isOfType(name: unknown, value: unknown): boolean {
  if (name === "integer") return typeof value === "number" && Number.isInteger(value);
  if (name === "number") return typeof value === "number";
  return name === typeName(value);
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function join(path: string, key: string): string {
  const shown = key.length > 64 ? `${key.slice(0, 64)}…` : key;
  return path === "" ? shown : `${path}.${shown}`;
}

function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
