import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

import type { JsonTestResults } from "vitest/node";

import { root } from "./child.ts";

/** How many tests ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line for each failure whose name is known, for the end of a long output. */
  readonly failures: readonly string[];
}

/** A suite that is one command: it passed or it failed. */
export function countCommand(exitCode: number): Counts {
  return { passed: exitCode === 0 ? 1 : 0, failed: exitCode === 0 ? 0 : 1, skipped: 0, failures: [] };
}

/**
 * Counts one vitest run from its report and exit code. A file that failed before its first test counts as one failure, and
 * so does a run that failed without naming any test (an unhandled rejection, a crash before the report).
 */
export function countVitest(reportPath: string, exitCode: number): Counts {
  const report = readReport(reportPath);
  if (report === undefined) return countCommand(1);
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  const failed = report.numFailedTests + brokenFiles.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    failures: report.testResults.flatMap(nameFailures),
  };
}

/** The longest line of a failure, in characters. */
const maxFailureChars = 300;

function nameFailures(file: JsonTestResults["testResults"][number]): readonly string[] {
  if (file.status !== "failed") return [];
  const where = relative(root, file.name);
  const tests = file.assertionResults.filter((test) => test.status === "failed");
  if (tests.length === 0) return [toLine(`${where}: ${file.message}`)];
  return tests.map((test) => toLine(`${where}: ${test.fullName}: ${test.failureMessages?.[0] ?? "no message"}`));
}

function toLine(text: string): string {
  const [line = ""] = stripVTControlCharacters(text).split("\n", 1);
  return line.slice(0, maxFailureChars);
}

function readReport(path: string): JsonTestResults | undefined {
  try {
    const report: JsonTestResults = JSON.parse(readFileSync(path, "utf8"));
    return report;
  } catch {
    return undefined;
  }
}

export function addCounts(all: readonly Counts[]): Counts {
  const sum = (pick: (counts: Counts) => number): number => all.reduce((total, counts) => total + pick(counts), 0);
  return {
    passed: sum((c) => c.passed),
    failed: sum((c) => c.failed),
    skipped: sum((c) => c.skipped),
    failures: all.flatMap((c) => c.failures),
  };
}
