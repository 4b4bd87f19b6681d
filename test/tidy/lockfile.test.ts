import { describe, expect, it } from "vitest";

import { readText } from "./repository.ts";

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
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

  it("brings nothing that needs an install script, esbuild's self-test apart", () => {
    expect(entries.filter(([, entry]) => entry.hasInstallScript).map(([path]) => path)).toEqual([
      "node_modules/esbuild",
    ]);
  });

  it("brings permissive licences only", () => {
    const permissive =
      /^(MIT|MIT-0|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|Python-2\.0)$/;
    // A file-level licence: used unchanged. lightningcss by the test runner, mediabunny by werift, which is a foreign
    // peer in tests only, node-datachannel at run time.
    const weakCopyleft = /^node_modules\/(lightningcss|mediabunny|node-datachannel|@node-datachannel)(-|\/|$)/;
    const wrong = entries
      .filter(([path, entry]) => path.includes("node_modules/") && entry.link !== true && !weakCopyleft.test(path))
      .filter(([, entry]) => !choicesOf(entry.license ?? "none").some((licence) => permissive.test(licence)));
    expect(wrong.map(([path, entry]) => `${path}: ${entry.license ?? "none"}`)).toEqual([]);
  });
});

/** The licences of an expression of which one may be chosen (SPDX, annex D). */
function choicesOf(expression: string): readonly string[] {
  return expression.replaceAll(/^\(|\)$/g, "").split(" OR ");
}
