import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { root } from "../../scripts/child.ts";
import { addCounts, countCommand, countVitest } from "../../scripts/counts.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-counts-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function report(testResults: readonly object[], numbers: object): string {
  const path = join(folder, "report.json");
  const all = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, ...numbers, testResults };
  writeFileSync(path, JSON.stringify(all));
  return path;
}

describe("countVitest", () => {
  test("names each failed test by its file and the first line of its message", () => {
    const path = report(
      [
        {
          name: join(root, "test/a.test.ts"),
          status: "failed",
          message: "",
          assertionResults: [
            { status: "passed", fullName: "works", failureMessages: [] },
            {
              status: "failed",
              fullName: "breaks",
              failureMessages: ["\u001B[31mexpected 1 to be 2\u001B[39m\n    at x"],
            },
          ],
        },
      ],
      { numPassedTests: 1, numFailedTests: 1 },
    );
    expect(countVitest(path, 1)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
      failures: ["test/a.test.ts: breaks: expected 1 to be 2"],
    });
  });

  test("counts a file that failed before its first test", () => {
    const path = report(
      [{ name: join(root, "test/b.test.ts"), status: "failed", message: "cannot find x", assertionResults: [] }],
      {},
    );
    expect(countVitest(path, 1)).toEqual({ ...countCommand(1), failures: ["test/b.test.ts: cannot find x"] });
  });

  test("counts a run that failed without a failed test, and one without a report", () => {
    expect(countVitest(report([], { numPassedTests: 3 }), 1)).toMatchObject({ passed: 3, failed: 1 });
    expect(countVitest(join(folder, "none.json"), 0)).toEqual(countCommand(1));
  });
});

test("addCounts keeps every failure's name", () => {
  const one = { passed: 1, failed: 1, skipped: 0, failures: ["a"] };
  expect(addCounts([one, countCommand(0), { ...one, failures: ["b"] }])).toEqual({
    passed: 3,
    failed: 2,
    skipped: 0,
    failures: ["a", "b"],
  });
});
