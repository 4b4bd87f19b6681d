import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseEnv } from "node:util";

import { ParleyError } from "@parley/protocol";

/** Bytes of a `.env` file. */
export const maxEnvFileBytes = 64 * 1024;

/** Environment variables; `process.env`, or a stand-in. */
export type Environment = Record<string, string | undefined>;

/**
 * Sets what a `.env` file names and the environment does not hold yet, as Node's `--env-file` does; an empty variable
 * counts as set. A missing file is fine. Returns the names that were set. Throws `invalid_config`.
 */
export async function loadEnvFile(path: string, env: Environment): Promise<readonly string[]> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return [];
  if (info.size > maxEnvFileBytes) {
    throw new ParleyError("invalid_config", { message: `${basename(path)} is larger than ${maxEnvFileBytes} bytes.` });
  }
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new ParleyError("invalid_config", { message: `${path} cannot be read; check its rights.`, cause });
  });
  const set: string[] = [];
  for (const [name, value] of Object.entries(parseEnv(text))) {
    if (env[name] !== undefined) continue;
    env[name] = value;
    set.push(name);
  }
  return set;
}

/** Throws `invalid_config` naming what an agent needs and the environment lacks. */
export function requireVariables(names: readonly string[], env: Environment): void {
  const missing = names.filter((name) => env[name] === undefined || env[name] === "");
  if (missing.length === 0) return;
  throw new ParleyError("invalid_config", {
    message: `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not set; put ${missing.length === 1 ? "it" : "them"} in .env beside agent.yaml.`,
    data: { missing },
  });
}

/** What to tell whoever runs an agent whose `.env` others can read; undefined where there is nothing to tell. */
export async function envFileWarning(folder: string): Promise<string | undefined> {
  const path = join(folder, ".env");
  const info = await stat(path).catch(() => undefined);
  if (process.platform === "win32" || info === undefined || (info.mode & 0o077) === 0) return undefined;
  return `Others can read ${path}, where an agent's secrets are; run \`chmod 600 ${path}\`.`;
}
