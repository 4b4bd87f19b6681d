import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { nameSchema, ParleyError } from "@parley/protocol";

import { scaffoldOf, type ScaffoldOptions } from "./scaffold.ts";

export interface InitAgentOptions extends ScaffoldOptions {
  /** Folder of the agent; made if it is missing. */
  readonly dir: string;
}

export interface InitAgentResult {
  /** Absolute path. */
  readonly folder: string;
  /** Paths within the folder that were written. */
  readonly files: readonly string[];
  /** Paths that existed and were left as they were. */
  readonly existed: readonly string[];
}

/**
 * Writes a new agent with one working skill; overwrites nothing. Throws `invalid_name`, `already_exists` when there is an
 * agent.yaml already, and `storage_unavailable` when the folder cannot be written.
 */
export async function initAgent(options: InitAgentOptions): Promise<InitAgentResult> {
  if (!nameSchema.safeParse(options.name).success) throw new ParleyError("invalid_name");
  const folder = resolve(options.dir);
  const files: string[] = [];
  const existed: string[] = [];
  for (const [path, content] of await scaffoldOf(options)) {
    const written = await writeNew(join(folder, path), content);
    if (!written && path === "agent.yaml") {
      throw new ParleyError("already_exists", {
        message: `${folder} holds an agent.yaml already; nothing was overwritten.`,
      });
    }
    (written ? files : existed).push(path);
  }
  return { folder, files, existed };
}

/** Whether the file is new; an existing one is left alone, even if somebody writes it at this moment. */
async function writeNew(path: string, content: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { flag: "wx" });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new ParleyError("storage_unavailable", {
      message: `${path} cannot be written; check that its folder exists and its rights.`,
      cause,
    });
  }
}
