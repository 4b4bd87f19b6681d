import { posix } from "node:path";

import { describe, expect, it } from "vitest";

import { anywhere, layerOf } from "./layers.ts";
import { filesMatching, importsOf, packageNames, readText } from "./repository.ts";

describe.each(packageNames())("packages/%s", (name) => {
  const layer = layerOf(name);
  const sources = filesMatching(`packages/${name}/src/**/*.ts`).map((path) => ({
    path,
    imports: importsOf(readText(path)),
  }));

  it("has a row in the table of layers", () => {
    expect(layer).toBeDefined();
  });

  it("imports only packages below it", () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports.filter((specifier) => !isBelow(specifier, name, layer ?? [])).map((specifier) => `${path}: ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it("stays inside its own folder with relative imports", () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => specifier.startsWith("."))
        .filter((specifier) => !posix.join(posix.dirname(path), specifier).startsWith(`packages/${name}/`))
        .map((specifier) => `${path}: ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

it.each(anywhere)("packages/%s needs no Node outside its Node entries", (name) => {
  const wrong = filesMatching(`packages/${name}/src/**/*.ts`)
    .filter((path) => !/\/node(\.ts$|\/)/.test(path))
    .flatMap((path) =>
      importsOf(readText(path))
        .filter((specifier) => /^node:|\/node$/.test(specifier))
        .map((specifier) => `${path}: ${specifier}`),
    );
  expect(wrong).toEqual([]);
});

function isBelow(specifier: string, from: string, layer: readonly string[] | "all"): boolean {
  const target = /^@parley\/([^/]+)/.exec(specifier)?.[1];
  if (target === undefined) return true;
  if (target === from || target === "testkit") return false;
  return layer === "all" || layer.includes(target);
}
