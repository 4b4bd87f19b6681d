/** `--skills` and `--channels` on the command line. */
import { parseChannelName, ParleyError, type Scope, scopeSchema } from "@parley/protocol";

import type { CommandInput } from "./command-context.ts";

/** The scope that the options say; undefined when they say nothing. Throws `invalid_argument`. */
export function scopeOf(input: CommandInput): Scope | undefined {
  const skills = listOf(input.text("skills"));
  const channels = listOf(input.text("channels"))?.map((name) => parseChannelName(name) ?? name);
  if (skills === undefined && channels === undefined) return undefined;
  const scope = scopeSchema.safeParse({
    ...(skills === undefined ? {} : { skills }),
    ...(channels === undefined ? {} : { channels }),
  });
  if (scope.success) return scope.data;
  throw new ParleyError("invalid_argument", {
    message: "--skills takes ids of skills, and --channels names of channels, separated by commas.",
  });
}

function listOf(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  return text === "-" ? [] : text.split(",").map((entry) => entry.trim());
}

/** A scope in words: `skills: search; channels: #general`. Empty for one that limits nothing. */
export function scopeText(scope: Scope | undefined): string {
  const part = (what: string, entries: readonly string[] | undefined): string[] =>
    entries === undefined ? [] : [`${what}: ${entries.length === 0 ? "none" : entries.join(", ")}`];
  return [
    ...part("skills", scope?.skills),
    ...part(
      "channels",
      scope?.channels?.map((name) => `#${name}`),
    ),
  ].join("; ");
}
