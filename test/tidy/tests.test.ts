import { describe, expect, it } from "vitest";

import { filesMatching, readText, withoutComments } from "./repository.ts";

const files = filesMatching(
  "packages/*/test/**/*.ts",
  "packages/testkit/src/**/*.ts",
  "apps/*/test/**/*.ts",
  "test/**/*.ts",
)
  .filter((path) => !path.startsWith("test/tidy/"))
  .map((path) => ({ path, code: withoutComments(readText(path)) }));

function pathsWith(pattern: RegExp): readonly string[] {
  return files.filter(({ code }) => pattern.test(code)).map(({ path }) => path);
}

describe("tests", () => {
  it("all run: none is skipped, left for later or run alone", () => {
    expect(
      pathsWith(/\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:skip|skipIf|todo|only)\b|\bx(?:it|describe)\(/),
    ).toEqual([]);
  });

  it("wait for events, not for a fixed time", () => {
    expect(pathsWith(/\bsetTimeout\(\s*(?:resolve|r|res|done|\(\)\s*=>\s*(?:resolve|r|res|done)\(\w*\))\s*,/)).toEqual(
      [],
    );
    expect(pathsWith(/\bimport\s*\{[^}]*\bsetTimeout\b[^}]*\}\s*from\s*["']node:timers\/promises["']/)).toEqual([]);
    expect(pathsWith(/\bawait\s+(?:sleep|delay|pause)\(/)).toEqual([]);
  });
});
