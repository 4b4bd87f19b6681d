import { ParleyError } from "@parley/protocol";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { AnySkill } from "./skill.ts";

/** The input as the skill's own schema reads it. Throws `invalid_input` with the path of the first wrong field. */
export async function checkInput(skill: AnySkill, value: unknown): Promise<unknown> {
  const result = await skill.input["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const { path, message } = firstIssue(result.issues);
  throw new ParleyError("invalid_input", {
    message: `Skill ${skill.id}: ${at("input", path)}: ${message}`,
    data: { path, message },
  });
}

/** The output as the skill's own schema writes it. Throws `invalid_output`. */
export async function checkOutput(skill: AnySkill, value: unknown): Promise<unknown> {
  const result = await skill.output["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const { path, message } = firstIssue(result.issues);
  throw new ParleyError("invalid_output", {
    message: `Skill ${skill.id}: ${at("output", path)}: ${message}`,
    data: { path, message },
  });
}

/** Characters of a path or message that travel in an error. */
const maxIssueCharacters = 200;

function firstIssue(issues: readonly StandardSchemaV1.Issue[]): { readonly path: string; readonly message: string } {
  const issue = issues[0];
  let path = "";
  for (const segment of issue?.path ?? []) {
    const key = typeof segment === "object" ? segment.key : segment;
    path += typeof key === "number" ? `[${key}]` : `${path === "" ? "" : "."}${String(key)}`;
  }
  return {
    path: path.slice(0, maxIssueCharacters),
    message: (issue?.message ?? "does not fit").slice(0, maxIssueCharacters),
  };
}

function at(what: string, path: string): string {
  return path === "" || path.startsWith("[") ? `${what}${path}` : `${what}.${path}`;
}
