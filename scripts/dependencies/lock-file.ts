import { readFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "../child.ts";

/** One place of `package-lock.json`, as npm writes it. */
export interface LockEntry {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface LockFile {
  /** By path from the root: `""` is the repository, `packages/x` one of ours, the rest is in `node_modules`. */
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** A package from elsewhere. */
export interface ForeignPackage {
  /** Its place, unique where one name is there in two versions. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly entry: LockEntry;
  /** Places of the foreign packages that it needs or may use. */
  readonly needs: readonly string[];
}

export function readLockFile(): LockFile {
  const lock: LockFile = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return lock;
}

const inside = "node_modules/";

export const isForeign = (path: string, entry: LockEntry): boolean => path.includes(inside) && entry.link !== true;

/** The name under which a place is imported. */
const nameOfPath = (path: string): string => path.slice(path.lastIndexOf(inside) + inside.length);

/** Paths of our own packages, the repository itself apart. */
export function ownPaths(lock: LockFile): readonly string[] {
  return Object.keys(lock.packages).filter((path) => path !== "" && !path.includes(inside));
}

/** Where a package that `from` asks for lies, by the rule of Node: the nearest `node_modules` upwards. */
export function resolvePlace(lock: LockFile, from: string, name: string): string | undefined {
  for (let folder = from; ;) {
    const path = `${folder === "" ? "" : `${folder}/`}${inside}${name}`;
    if (lock.packages[path] !== undefined) return path;
    if (folder === "") return undefined;
    const outer = folder.lastIndexOf(`/${inside}`);
    folder = outer >= 0 ? folder.slice(0, outer) : folder.startsWith(inside) ? "" : parentOf(folder);
  }
}

const parentOf = (folder: string): string => folder.slice(0, Math.max(0, folder.lastIndexOf("/")));

/** Names that a package is not complete without, and those that it takes where they exist. */
function neededBy(entry: LockEntry): readonly string[] {
  const peers = Object.keys(entry.peerDependencies ?? {}).filter(
    (name) => entry.peerDependenciesMeta?.[name]?.optional !== true,
  );
  return [...Object.keys(entry.dependencies ?? {}), ...Object.keys(entry.optionalDependencies ?? {}), ...peers];
}

/** Every foreign package that runs when Parley runs: what our packages and samples need, and what those need, sorted by place. */
export function productionPackages(lock: LockFile): readonly ForeignPackage[] {
  const found = new Map<string, ForeignPackage>();
  const waiting = ["", ...ownPaths(lock)].flatMap((path) => placesOf(lock, path));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const entry = lock.packages[path];
    if (entry === undefined || entry.link === true || found.has(path)) continue;
    const needs = placesOf(lock, path).filter((place) => lock.packages[place]?.link !== true);
    found.set(path, { path, name: nameOfPath(path), version: entry.version ?? "", entry, needs });
    waiting.push(...needs);
  }
  return [...found.values()].toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

function placesOf(lock: LockFile, from: string): readonly string[] {
  const places = neededBy(lock.packages[from] ?? {}).map((name) => resolvePlace(lock, from, name));
  return [...new Set(places.filter((place) => place !== undefined))];
}

/** Foreign packages that a `package.json` of ours names, and which of our folders name them. */
export function directPackages(
  lock: LockFile,
  kind: "production" | "development",
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const path of ["", ...ownPaths(lock)]) {
    const entry = lock.packages[path] ?? {};
    const names =
      kind === "production" ? { ...entry.dependencies, ...entry.optionalDependencies } : entry.devDependencies;
    for (const name of Object.keys(names ?? {})) {
      if (name.startsWith("@parley/")) continue;
      found.set(name, [...(found.get(name) ?? []), path === "" ? "." : path]);
    }
  }
  return new Map([...found].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
