/** Policies in files: read strictly, every problem with its place. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";

import { readYaml, type YamlPlace, type YamlProblem } from "@parley/agent";
import { isParleyError, limits, ParleyError, type PolicyDocument } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { documentOf, policyFormSchema } from "./policy-form.ts";

export type PolicyReading =
  | { readonly ok: true; readonly document: PolicyDocument; readonly place: YamlPlace }
  | { readonly ok: false; readonly problems: readonly YamlProblem[] };

/** Reads a policy as operators write it. Never throws. */
export function readPolicy(text: string): PolicyReading {
  const read = readYaml(text, { schema: policyFormSchema, example: "rules: []" });
  if (!read.ok) return read;
  const { content, place } = read;
  const document = documentOf(content);
  if (!Array.isArray(document)) return { ok: true, document: document as PolicyDocument, place };
  return {
    ok: false,
    problems: (document as { path: readonly PropertyKey[]; message: string }[]).map(({ path, message }) => ({
      ...place(path),
      message: `${path.map(String).join(".")}: ${message}`,
    })),
  };
}

export interface PolicyFile {
  readonly path: string;
  readonly document: PolicyDocument;
  readonly place: YamlPlace;
}

/** Throws `not_found`, `too_large`, or `invalid_argument` with `problems` in its data. */
export async function loadPolicy({ cwd }: Pick<CommandContext, "cwd">, given: string): Promise<PolicyFile> {
  const path = resolve(cwd, given);
  const read = readPolicy(await textOf(path, given));
  if (read.ok) return { path, document: read.document, place: read.place };
  const [first] = read.problems;
  const more = read.problems.length - 1;
  throw new ParleyError("invalid_argument", {
    message: `${given}:${first?.line ?? 1}:${first?.column ?? 1}: ${first?.message ?? "is no policy"}${more > 0 ? ` (and ${more} more)` : ""}`,
    data: { problems: read.problems },
  });
}

async function textOf(path: string, given: string): Promise<string> {
  const most = 2 * limits.orderBytes;
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size > most) throw new ParleyError("too_large", { message: `${given} is larger than ${most} bytes.` });
    return await file.readFile("utf8");
  } catch (error) {
    if (isParleyError(error)) throw error;
    throw new ParleyError("not_found", { message: `${given} cannot be read.`, cause: error });
  }
}

/** Prints each problem of a file on a line of its own; false when the error is of another kind. */
export function printProblems({ out }: Pick<CommandContext, "out">, given: string, error: unknown): boolean {
  const problems = isParleyError(error) ? error.data?.["problems"] : undefined;
  if (out.json || !Array.isArray(problems) || problems.length === 0) return false;
  for (const { line, column, message } of problems as YamlProblem[]) out.note(`${given}:${line}:${column}: ${message}`);
  return true;
}
