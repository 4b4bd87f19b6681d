import { describe, expect, it } from "vitest";

import { filesMatching, packageNames, readText, withoutComments } from "./repository.ts";

/** Ports that have a compliance suite in the testkit, called `describe` and the port's name. */
const ports = ["Log", "Records", "Bus", "Blobs", "Journal", "Link"];

const adapters = packageNames().flatMap((name) =>
  ports.filter((port) => implementsPort(name, port)).map((port) => ({ name, port })),
);

/** A port may be implemented in parts that core puts together, as `JournalParts` are. */
function implementsPort(name: string, port: string): boolean {
  const declaration = new RegExp(`\\bclass\\b[^{]*\\bimplements\\b[^{]*\\b${port}(?:Parts)?\\b`);
  return filesMatching(`packages/${name}/src/**/*.ts`).some((path) =>
    declaration.test(withoutComments(readText(path))),
  );
}

describe("adapters", () => {
  it.each(packageNames().filter((name) => name.startsWith("store-")))("of packages/%s are found", (name) => {
    expect(adapters.map((adapter) => adapter.name)).toContain(name);
  });

  it.each(adapters)("in packages/$name run the compliance suite of $port", ({ name, port }) => {
    const tests = filesMatching(`packages/${name}/test/**/*.test.ts`).map((path) => readText(path));
    expect(tests.some((test) => new RegExp(`\\bdescribe${port}\\(`).test(test))).toBe(true);
  });
});
