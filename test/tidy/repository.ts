import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The repository's root. */
export const root = join(import.meta.dirname, "..", "..");

/** Files that match, relative to the root, sorted; never installed or generated ones. */
export function filesMatching(...patterns: readonly string[]): readonly string[] {
  const generated = (path: string): boolean => /(^|\/)(node_modules|dist|coverage|\.parley)(\/|$)/.test(path);
  return globSync(patterns, { cwd: root, exclude: generated }).toSorted();
}

export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** TypeScript without its comments, so that what they say is not taken for code. */
export function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

/** Every module that a source names: static, dynamic, type-only and re-exported. */
export function importsOf(source: string): readonly string[] {
  const named = /\b(?:import|export)\b[^"'`;]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/g;
  return [...withoutComments(source).matchAll(named)].map((match) => match[1] ?? match[2] ?? "");
}

/** Folder names of the packages, without `packages/`. */
export function packageNames(): readonly string[] {
  return filesMatching("packages/*/package.json").map((path) => path.split("/")[1] ?? "");
}
