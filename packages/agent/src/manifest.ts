import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { ParleyError } from "@parley/protocol";

import { readManifest } from "./manifest-reader.ts";
import type { ManifestContent } from "./manifest-schema.ts";
import type { YamlProblem } from "./yaml-form.ts";

/** A manifest from a file: relative paths in it start at `folder`. */
export interface Manifest extends ManifestContent {
  /** Absolute path of agent.yaml. */
  readonly path: string;
  /** Absolute path of its folder. */
  readonly folder: string;
}

const fileNames: readonly string[] = ["agent.yaml", "agent.yml"];

/** Bytes of agent.yaml. */
export const maxManifestBytes = 64 * 1024;

/**
 * Reads agent.yaml, or the one in a folder. Throws `invalid_manifest`: the message has the first problem, and
 * `data.problems` all of them as `{line, column, message}`.
 */
export async function loadManifest(path: string): Promise<Manifest> {
  const file = await findManifest(resolve(path));
  const text = await readText(file);
  const result = readManifest(text);
  if (result.ok) return { ...result.manifest, path: file, folder: dirname(file) };
  throw new ParleyError("invalid_manifest", {
    message: sentence(basename(file), result.problems),
    data: { path: file, problems: result.problems },
  });
}

async function findManifest(path: string): Promise<string> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory() !== true) return path;
  for (const name of fileNames) {
    if ((await stat(join(path, name)).catch(() => undefined))?.isFile() === true) return join(path, name);
  }
  throw new ParleyError("invalid_manifest", {
    message: `There is no agent.yaml in ${path}; \`parley init\` writes one.`,
    data: { path, problems: [] },
  });
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > maxManifestBytes) throw broken(path, `${basename(path)} is larger than ${maxManifestBytes} bytes.`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw broken(
      path,
      missing ? `There is no ${path}; \`parley init\` writes an agent.` : `${path} cannot be read.`,
      error,
    );
  }
}

function broken(path: string, message: string, cause?: unknown): ParleyError {
  return new ParleyError("invalid_manifest", { message, cause, data: { path, problems: [] } });
}

function sentence(file: string, problems: readonly YamlProblem[]): string {
  const [first] = problems;
  if (first === undefined) return `${file} is not valid.`;
  const more = problems.length - 1;
  const rest = more === 0 ? "" : ` (and ${more} more)`;
  return `${file}:${first.line}:${first.column}: ${first.message}${rest}`;
}
