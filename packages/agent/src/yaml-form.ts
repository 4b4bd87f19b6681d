/** Files that people write in YAML, read strictly: whatever is wrong is said with its place and, for a mistyped key, the likely one. */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit, type YAMLError } from "yaml";
import type { z } from "zod";

import { nearestName } from "./nearest-name.ts";

/** Something wrong in a file. Line and column count from 1. */
export interface YamlProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Where the value at a path of the file stands; the thing around it where it is missing. */
export type YamlPlace = (path: readonly PropertyKey[]) => { readonly line: number; readonly column: number };

export type YamlResult<Content> =
  | { readonly ok: true; readonly content: Content; readonly place: YamlPlace }
  | { readonly ok: false; readonly problems: readonly YamlProblem[] };

export interface YamlForm<Schema extends z.ZodType> {
  /** Closed objects, so that unknown keys show. */
  readonly schema: Schema;
  /** One line as the file may begin, for a file that is no list of keys. */
  readonly example: string;
}

/** Problems reported of one file. */
const maxProblems = 20;
/** References of one YAML text; each repeats a part of it. */
const maxAliases = 20;

type Path = readonly PropertyKey[];

/** Reads a text of such a form. Never throws. */
export function readYaml<Schema extends z.ZodType>(
  text: string,
  { schema, example }: YamlForm<Schema>,
): YamlResult<z.infer<Schema>> {
  const lines = new LineCounter();
  const parsedText = parse(text, lines);
  if (parsedText === undefined) return failed([{ line: 1, column: 1, message: "is nested too deeply" }]);
  const { document, dangling } = parsedText;
  const place = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (document.errors.length > 0) {
    return failed(document.errors.map((error) => ({ ...place(error.pos[0]), message: `not YAML: ${wordsOf(error)}` })));
  }
  if (dangling !== undefined) return failed([{ ...place(dangling), message: "refers to something that is not there" }]);
  const value = toValue(document);
  if (value === undefined) return failed([{ line: 1, column: 1, message: "refers to itself too often" }]);
  if (!isMap(document.contents)) {
    return failed([{ line: 1, column: 1, message: `is not a list of keys and values such as \`${example}\`` }]);
  }
  const parsed = schema.safeParse(value.content);
  if (parsed.success) return { ok: true, content: parsed.data, place: (path) => place(valueOffset(document, path)) };
  const problems = parsed.error.issues.flatMap((issue) =>
    describe(issue, document, schema).map(({ offset, message }) => ({ ...place(offset), message })),
  );
  return failed(problems.toSorted((a, b) => a.line - b.line || a.column - b.column));
}

/** Errors of the library that quote the file after a colon. */
const quoting: readonly string[] = [
  "BAD_DIRECTIVE",
  "BAD_DQ_ESCAPE",
  "IMPOSSIBLE",
  "TAG_RESOLVE_FAILED",
  "UNEXPECTED_TOKEN",
];

/** The library's words without what they quote of the file: a secret may stand there, and problems are kept and passed on. */
function wordsOf({ code, message }: YAMLError): string {
  return quoting.includes(code) ? message.replace(/(?::\s|["\\]|\s[!<%]|(?<=version) ).*$/s, "") : message;
}

/** A key as far as it is a name: a value that stands too close to its key is none. */
const shownKey = (key: string): string => /^[\w.-]{0,80}/.exec(key)?.[0] ?? "";

/** Undefined for what is nested deeper than the library's recursion goes. */
function parse(
  text: string,
  lineCounter: LineCounter,
): { readonly document: Document; readonly dangling: number | undefined } | undefined {
  try {
    const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
    return { document, dangling: document.errors.length > 0 ? undefined : danglingAlias(document) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function failed(problems: readonly YamlProblem[]): { readonly ok: false; readonly problems: readonly YamlProblem[] } {
  return { ok: false, problems: problems.slice(0, maxProblems) };
}

/** Where the first `*name` stands that no `&name` comes before. */
function danglingAlias(document: Document): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return undefined;
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

function toValue(document: Document): { readonly content: unknown } | undefined {
  try {
    return { content: document.toJS({ maxAliasCount: maxAliases }) as unknown };
  } catch {
    return undefined;
  }
}

interface Found {
  readonly offset: number;
  readonly message: string;
}

function describe(issue: z.core.$ZodIssue, document: Document, schema: z.ZodType): readonly Found[] {
  const name = nameOf(issue.path);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      offset: keyOffset(document, issue.path, key),
      message: `unknown key "${shownKey(key)}"${name === "" ? "" : ` in ${name}`}${suggest(key, knownKeys(schema, issue.path))}`,
    }));
  }
  const offset = valueOffset(document, issue.path);
  if (issue.code === "invalid_type") {
    const got = document.getIn(issue.path, true);
    if (got === undefined) return [{ offset, message: `${name} is missing` }];
    return [{ offset, message: `${name}: expected ${article(issue.expected)}${hint(issue.expected, got)}` }];
  }
  return [{ offset, message: `${name}: ${words(issue)}` }];
}

function words(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value") return `is not one of ${issue.values.map(String).join(", ")}`;
  // Of a key that is free within a form.
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? issue.message;
  if (issue.code === "too_big") return `is more than ${String(issue.maximum)}${unitOf(issue.origin)}`;
  if (issue.code === "too_small") return `is less than ${String(issue.minimum)}${unitOf(issue.origin)}`;
  return issue.message;
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " entries" : "";
}

function article(expected: string): string {
  const nouns: Readonly<Record<string, string>> = {
    string: "a text",
    int: "a whole number",
    number: "a number",
    array: "a list",
    tuple: "a list of two",
    object: "keys and values",
  };
  return nouns[expected] ?? expected;
}

/** YAML reads `1.0` and `yes` as something else than text. */
function hint(expected: string, node: unknown): string {
  if (!isScalar(node)) return "";
  if (expected === "string" && node.value !== null)
    return `; put it in quotes: "${(node.source ?? JSON.stringify(node.value)).slice(0, 40)}"`;
  return node.value === null ? "; it is empty" : "";
}

/** The keys that a schema knows at a path. */
function knownKeys(schema: z.ZodType, path: Path): readonly string[] {
  let inner: unknown = schema;
  for (const part of path) inner = partOf(inner, part);
  return Object.keys(unwrapped(inner)?.shape ?? {});
}

interface Wrapped {
  readonly shape?: Readonly<Record<PropertyKey, unknown>>;
  readonly def?: {
    readonly innerType?: unknown;
    readonly out?: unknown;
    readonly element?: unknown;
    readonly valueType?: unknown;
  };
}

/** What stands at a key of a schema of objects, of lists or of records. */
function partOf(schema: unknown, part: PropertyKey): unknown {
  const { shape, def } = unwrapped(schema) ?? {};
  return shape === undefined ? (def?.element ?? def?.valueType) : shape[part];
}

/** Without defaults and whatever else lies around it. */
function unwrapped(schema: unknown): Wrapped | undefined {
  let inner = schema as Wrapped | undefined;
  while (inner !== undefined && inner.shape === undefined && inner.def?.element === undefined) {
    const next = (inner.def?.innerType ?? inner.def?.out) as Wrapped | undefined;
    if (next === undefined) return inner;
    inner = next;
  }
  return inner;
}

function suggest(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  if (nearest !== undefined) return `; did you mean "${nearest}"?`;
  return known.length === 0 ? "" : `; known are ${known.join(", ")}`;
}

function nameOf(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : `${text}${text === "" ? "" : "."}${String(part)}`),
    "",
  );
}

/** Where a value stands; where it is missing, where the thing around it does. */
function valueOffset(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return isNode(document.contents) && document.contents.range ? document.contents.range[0] : 0;
}

function keyOffset(document: Document, path: Path, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return 0;
  const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key);
  return isNode(pair?.key) && pair.key.range ? pair.key.range[0] : 0;
}
