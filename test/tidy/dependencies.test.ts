import { describe, expect, it } from "vitest";

import { billOfMaterials } from "../../scripts/dependencies/bill-of-materials.ts";
import { dependencyReviews } from "../../scripts/dependencies/dependency-reviews.ts";
import { dependencyProblems } from "../../scripts/dependencies/dependency-rules.ts";
import {
  directPackages,
  type LockEntry,
  type LockFile,
  productionPackages,
  readLockFile,
} from "../../scripts/dependencies/lock-file.ts";
import { readText } from "./repository.ts";

const lock = readLockFile();

/** The lock file with one entry that is otherwise. */
const withEntry = (path: string, change: LockEntry): LockFile => ({
  packages: { ...lock.packages, [path]: { ...lock.packages[path], ...change } },
});

const withoutHash = (path: string): LockFile => {
  const { integrity: _, ...entry } = lock.packages[path] ?? {};
  return { packages: { ...lock.packages, [path]: entry } };
};

describe("what we stand on", () => {
  it("is as the rules want it", () => {
    expect(dependencyProblems(lock)).toEqual([]);
  });

  it.each([
    ["GPL-3.0-only", 1],
    ["(MIT AND GPL-3.0-only)", 1],
    ["(GPL-3.0-only OR MIT)", 0],
    ["MPL 2.0", 0],
    ["UNLICENSED", 1],
  ])("may have the licence %s: %i problems", (license, count) => {
    expect(dependencyProblems(withEntry("node_modules/ws", { license }))).toHaveLength(count);
  });

  it.each([
    ["https://registry.npmjs.org/ws/-/ws-8.23.0.tgz", 0],
    ["https://registry.npmjs.org.example.org/ws-8.23.0.tgz", 1],
    ["git+ssh://git@example.org/ws.git", 1],
    ["file:../ws", 1],
  ])("may be fetched from %s: %i problems", (resolved, count) => {
    expect(dependencyProblems(withEntry("node_modules/ws", { resolved }))).toHaveLength(count);
  });

  it("has hashes, and may have install scripts that are listed only", () => {
    expect(dependencyProblems(withoutHash("node_modules/ws"))).toEqual(["node_modules/ws has no sha512 hash."]);
    expect(dependencyProblems(withEntry("node_modules/ws", { integrity: "sha1-x" }))).toHaveLength(1);
    expect(dependencyProblems(withEntry("node_modules/ws", { hasInstallScript: true }))).toEqual([
      "node_modules/ws has an install script that is not listed.",
    ]);
  });

  it("was looked at, package by package, and nothing else is said to have been", () => {
    const { ws: _, ...others } = dependencyReviews;
    const review = { why: "", since: 2026, looked: "2026-11", instead: "" };
    expect(dependencyProblems(lock, others)).toEqual(["ws has no row in scripts/dependencies/dependency-reviews.ts."]);
    expect(dependencyProblems(lock, { ...dependencyReviews, leftover: review })).toEqual([
      "leftover has a row in scripts/dependencies/dependency-reviews.ts and is not used.",
    ]);
  });

  it("has rows on the page on dependencies, and no others", () => {
    const rows = [...readText("docs/dependencies.md").matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? "");
    const named = [...directPackages(lock, "production").keys(), ...directPackages(lock, "development").keys()];
    expect(rows.toSorted()).toEqual([...new Set(named)].toSorted());
  });

  it("is installed without scripts", () => {
    expect(readText(".npmrc")).toMatch(/^ignore-scripts=true$/m);
  });
});

describe("the bill of materials", () => {
  const bill = billOfMaterials(lock);
  const refs = bill.components.map((component) => component["bom-ref"]);

  it("lists every package that runs, each once, with licence and hash", () => {
    expect(refs).toEqual(productionPackages(lock).map(({ path, version }) => `${path}@${version}`));
    expect(new Set(refs).size).toBe(refs.length);
    expect(bill.components.filter(({ hashes, licenses }) => hashes?.length !== 1 || licenses.length !== 1)).toEqual([]);
  });

  it("has what is named for development as well, and nothing that is for development only", () => {
    const names = bill.components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));
    expect(names).toEqual(expect.arrayContaining(["ws", "zod", "node-datachannel", "@hpke/core", "ts-mls"]));
    for (const name of ["vitest", "werift", "express", "esbuild"]) expect(names).not.toContain(name);
  });

  it("says who needs whom, of those that it lists", () => {
    const named = new Set([bill.metadata.component["bom-ref"], ...refs]);
    expect(new Set(bill.dependencies.map(({ ref }) => ref))).toEqual(named);
    for (const { dependsOn } of bill.dependencies) for (const ref of dependsOn) expect(named).toContain(ref);
    const reached = new Set<string>();
    const waiting = [bill.metadata.component["bom-ref"]];
    for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
      if (reached.has(ref)) continue;
      reached.add(ref);
      waiting.push(...(bill.dependencies.find((row) => row.ref === ref)?.dependsOn ?? []));
    }
    expect(reached).toEqual(named);
  });

  it("is the same each time, and names no address, no folder of a machine and no time", () => {
    const text = JSON.stringify(bill);
    expect(JSON.stringify(billOfMaterials(readLockFile()))).toBe(text);
    expect(text).not.toMatch(/https?:|file:|"\/|timestamp/);
    expect(bill.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });
});
