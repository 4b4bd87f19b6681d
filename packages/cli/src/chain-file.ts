/** Chains of delegations in files: a statement per line, or the JSON that `delegation give --json` prints. */
import { readFile } from "node:fs/promises";

import { peekStatement } from "@parley/core";
import { limits, ParleyError, parseJson } from "@parley/protocol";
import { z } from "zod";

import { readInput } from "./read-input.ts";

const jsonSchema = z.union([
  z.array(z.string()),
  z.object({ chain: z.array(z.string()) }).transform(({ chain }) => chain),
]);
const mostBytes = limits.delegationChain * limits.statementBytes;

/** `-` is the standard input. Throws `invalid_argument` for what is no chain. */
export async function readChain(path: string, signal: AbortSignal): Promise<readonly string[]> {
  const text = path === "-" ? await readInput(signal) : await readFile(path, "utf8").catch(unreadable(path));
  const json = parseJson(text, mostBytes);
  const parsed = json.ok ? jsonSchema.safeParse(json.value) : undefined;
  const chain = parsed?.data ?? text.split(/\s+/).filter((line) => line !== "");
  try {
    if (chain.length === 0 || chain.length > limits.delegationChain) throw new ParleyError("invalid_argument");
    for (const compact of chain) peekStatement("delegation", compact);
  } catch (cause) {
    const shown = path === "-" ? "The standard input" : path;
    throw new ParleyError("invalid_argument", {
      message: `${shown} holds no chain of delegations as \`parley delegation give\` prints it.`,
      cause,
    });
  }
  return chain;
}

/** Skills as they are typed: `search,read*`. Throws `invalid_argument`. */
export function parseSkills(option: string, text: string): readonly string[] {
  const skills = text.split(",").map((skill) => skill.trim());
  if (skills.length <= limits.policySubjects && skills.every((skill) => /^[^\s*@/]*\*?$/.test(skill) && skill !== ""))
    return skills;
  throw new ParleyError("invalid_argument", {
    message: `--${option} takes skills separated by commas, like search,read*.`,
  });
}

function unreadable(path: string): (cause: unknown) => never {
  return (cause) => {
    throw new ParleyError("invalid_argument", { message: `${path} cannot be read.`, cause });
  };
}
