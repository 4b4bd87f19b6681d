import { describe, expect, it } from "vitest";

import { filesMatching, packageNames, readText } from "./repository.ts";

describe.each(packageNames().filter((name) => name.startsWith("store-")))("packages/%s", (name) => {
  it("runs the compliance suites of the testkit", () => {
    const tests = filesMatching(`packages/${name}/test/**/*.test.ts`).map((path) => readText(path));
    expect(tests.some((test) => test.includes('from "@parley/testkit'))).toBe(true);
  });
});
