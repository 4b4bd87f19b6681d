import { describe, expect, it } from "vitest";

import { publicNames } from "./public-names.ts";
import { filesMatching, readText } from "./repository.ts";

/** A file (`*` for several, as one entry), or files by condition (`browser`, `default`). */
type ExportTarget = string | { readonly [condition: string]: ExportTarget };

const manifests = filesMatching("packages/*/package.json");

describe("the public list of each package", () => {
  it("is the one in exports.txt (npm run tidy:update accepts a change)", async () => {
    const text = manifests.map((path) => describePackage(path)).join("\n");
    await expect(text).toMatchFileSnapshot("exports.txt");
  });

  it("is written out by hand: no star exports and no default ones", () => {
    const wrong = filesMatching("packages/*/src/**/*.ts").filter((path) =>
      /^export (\*|default\b)/m.test(readText(path)),
    );
    expect(wrong).toEqual([]);
  });
});

/** One block: the package's name, each entry point, and its names in order. */
function describePackage(manifestPath: string): string {
  const manifest: { name: string; exports: Record<string, ExportTarget> } = JSON.parse(readText(manifestPath));
  const folder = manifestPath.replace(/\/package\.json$/, "");
  const entries = Object.entries(manifest.exports).map(([entry, target]) => {
    const files = filesMatching(...filesOf(target).map((path) => `${folder}/${path.replace(/^\.\//, "")}`));
    const names = new Set(files.flatMap((path) => publicNames(readText(path))).toSorted());
    return [`${manifest.name}${entry.slice(1)}`, ...[...names].map((name) => `  ${name}`)].join("\n");
  });
  return `${entries.join("\n")}\n`;
}

function filesOf(target: ExportTarget): readonly string[] {
  return typeof target === "string" ? [target] : Object.values(target).flatMap(filesOf);
}
