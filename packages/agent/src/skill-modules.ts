import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

import { isParleyError, limits, ParleyError } from "@parley/protocol";

import type { Manifest } from "./manifest.ts";
import { moduleAddress, provideModules } from "./module-resolution.ts";
import { nearestName } from "./nearest-name.ts";
import { type AnySkill, isSkill } from "./skill.ts";

/** Files of a folder of skills: modules, but not their tests or declarations, nor what starts with `_` or `.`. */
const isModule = (name: string): boolean =>
  /^[^_.].*\.(ts|mts|js|mjs)$/.test(name) && !/\.(test|spec|d)\.m?[tj]s$/.test(name);

/** Imports the skills of a manifest's folder, in the order of their ids. Throws `invalid_manifest` naming the file. */
export async function loadSkills(manifest: Manifest): Promise<readonly AnySkill[]> {
  const folder = resolve(manifest.folder, manifest.skills.folder);
  const names = await moduleNames(folder, manifest);
  const found = new Map<string, { readonly skill: AnySkill; readonly file: string }>();
  for (const name of names) {
    for (const skill of await skillsIn(join(folder, name))) {
      const other = found.get(skill.id);
      if (other !== undefined && other.skill !== skill)
        throw invalid(`Skill ${skill.id} is in ${other.file} and in ${name}; give one of them another id.`);
      found.set(skill.id, { skill, file: name });
    }
  }
  if (found.size > limits.skills) throw invalid(`${folder} has more than ${limits.skills} skills.`);
  for (const id of manifest.skills.disable) {
    if (found.delete(id)) continue;
    const nearest = nearestName(id, [...found.keys()]);
    throw invalid(
      `skills.disable names ${id}, which is no skill${nearest === undefined ? "." : `; did you mean ${nearest}?`}`,
    );
  }
  return [...found.values()].map(({ skill }) => skill).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Imports one module. Throws `invalid_manifest` with the module's own words. */
export async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  provideModules();
  try {
    return (await import(moduleAddress(path))) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    if (isParleyError(cause)) throw invalid(`${path}: ${cause.message}`, cause);
    throw invalid(
      `${path} could not be loaded: ${cause instanceof Error ? firstLine(cause.message) : String(cause)}`,
      cause,
    );
  }
}

async function moduleNames(folder: string, manifest: Manifest): Promise<readonly string[]> {
  const info = await stat(folder).catch(() => undefined);
  if (info?.isDirectory() !== true) {
    // A model is enough to answer with.
    if (manifest.model !== undefined) return [];
    throw invalid(`There is no folder ${manifest.skills.folder} beside ${basename(manifest.path)}; put a skill in it.`);
  }
  const names = (await readdir(folder)).filter(isModule).toSorted();
  if (names.length > limits.skills) throw invalid(`${folder} has more than ${limits.skills} modules.`);
  return names;
}

async function skillsIn(path: string): Promise<readonly AnySkill[]> {
  const exported = Object.values(await importModule(path));
  const skills = [...new Set(exported.filter(isSkill))];
  if (skills.length === 0)
    throw invalid(`${path} exports no skill; export what defineSkill returns, or start the file's name with "_".`);
  return skills;
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 300);
}

function invalid(message: string, cause?: unknown): ParleyError {
  return new ParleyError("invalid_manifest", { message, cause, data: { problems: [] } });
}
