import { describe, expect, it } from "vitest";

import { readText } from "./repository.ts";

interface LockEntry {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock: { packages: Record<string, LockEntry> } = JSON.parse(readText("package-lock.json"));
const entries = Object.entries(lock.packages);

describe("package-lock.json", () => {
  it("names every optional package of every package, without which npm ci refuses it", () => {
    const missing = entries.flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) =>
          lock.packages[`node_modules/${name}`] === undefined &&
          lock.packages[`${path}/node_modules/${name}`] === undefined,
      ),
    );
    expect(missing).toEqual([]);
  });

  it("records no download addresses", () => {
    expect(entries.filter(([, entry]) => entry.resolved?.startsWith("http")).map(([path]) => path)).toEqual([]);
  });
});
