import { resolve } from "node:path";

import { ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { findSupervised } from "./agent-folders.ts";

/** The folder whose supervisor a command talks to: the one given, else the nearest upward in which one has run. */
export async function supervisedFolder({ input, cwd }: CommandContext): Promise<string> {
  const given = input.text("folder");
  return given === undefined ? findSupervised(cwd) : resolve(cwd, given);
}

/** The agents that a command is about: those named, or with `--all` an empty list. Throws `invalid_argument`. */
export function namedAgents({ input }: CommandContext): readonly string[] {
  const first = input.optionalArgument("agent");
  const all = input.switch("all");
  if (all === (first !== undefined))
    throw new ParleyError("invalid_argument", { message: "Name the agents, or say --all." });
  return first === undefined ? [] : [first, ...input.rest()];
}
