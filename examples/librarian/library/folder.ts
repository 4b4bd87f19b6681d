import { lstat, readdir, readFile, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";

import { ParleyError } from "@parley/agent";

/** A text of the library. */
export interface SourceFile {
  /** Relative to the folder, with `/` between its parts. */
  readonly name: string;
  readonly text: string;
}

const maxFiles = 2_000;
const maxFileBytes = 1024 * 1024;
const maxTotalBytes = 64 * 1024 * 1024;
const maxDepth = 12;

const isText = (name: string): boolean => /\.(md|markdown|txt)$/i.test(name);

/** What changes when a text changes. */
export interface FolderState {
  readonly paths: readonly string[];
  readonly stamp: string;
}

/** Finds the texts below a folder, in order; hidden files, installed packages and symbolic links are left out. */
export async function scanFolder(folder: string): Promise<FolderState> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw new ParleyError("storage_unavailable", {
      message: "The library's folder cannot be read; set LIBRARY_DIR to one that can.",
      cause,
    });
  });
  const paths: string[] = [];
  const stamps: string[] = [];
  const visit = async (path: string, depth: number): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith(".") || entry.name === "node_modules" || paths.length >= maxFiles) continue;
      const inner = join(path, entry.name);
      if (entry.isDirectory() && depth < maxDepth) await visit(inner, depth + 1);
      else if (entry.isFile() && isText(entry.name)) {
        const { size, mtimeMs } = await lstat(inner);
        if (size > maxFileBytes) continue;
        paths.push(inner);
        stamps.push(`${inner}:${size}:${mtimeMs}`);
      }
    }
  };
  await visit(root, 1);
  return { paths, stamp: stamps.join("\n") };
}

/** Reads the texts one after the other; stops at the bound of the library's size. */
export async function* readTexts(folder: string, { paths }: FolderState): AsyncIterable<SourceFile> {
  const root = await realpath(folder);
  let total = 0;
  for (const path of paths) {
    const text = await readFile(path, "utf8");
    total += text.length;
    if (total > maxTotalBytes) return;
    yield { name: relative(root, path).split(sep).join("/"), text };
  }
}
