/**
 * `npm test`: every suite in order, or the named ones (`npm test -- unit browser`). Installs missing system packages by apt
 * when run as root, or through sudo with `--install`; otherwise prints the line that does. A suite that cannot run is left
 * out, named with its reason and counted as one skipped test. What failed is named once more at the end. The last line is the
 * count; the exit code is 1 if anything failed.
 */
import { parseArgs } from "node:util";

import { addCounts, type Counts } from "./counts.ts";
import { reasonToLeaveOut, suites, type Suite } from "./suites.ts";
import { aptLine, findProgram, installPrograms } from "./system-programs.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { install: { type: "boolean" } } });

const unknown = positionals.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  process.stderr.write(`No suite is called ${unknown.join(", ")}: choose ${suites.map((s) => s.name).join(", ")}.\n`);
  process.exit(2);
}
const chosen = suites.filter((suite) => positionals.length === 0 || positionals.includes(suite.name));

await provideSystemPrograms(chosen);
const summary: string[] = [];
const counts: Counts[] = [];
for (const suite of chosen) {
  process.stdout.write(`\n== ${suite.name}: ${suite.about}\n`);
  const reason = reasonToLeaveOut(suite);
  if (reason !== undefined) process.stdout.write(`left out: ${reason}\n`);
  const started = performance.now();
  const result = reason === undefined ? await suite.run() : { passed: 0, failed: 0, skipped: 1, failures: [] };
  counts.push(result);
  summary.push(describeSuite(suite, result, reason, (performance.now() - started) / 1000));
}
const total = addCounts(counts);
process.stdout.write(`\n${summary.join("\n")}\n\n`);
if (total.failures.length > 0) process.stdout.write(`Failed:\n${total.failures.join("\n")}\n\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed === 0 ? 0 : 1;

function describeSuite(suite: Suite, result: Counts, reason: string | undefined, seconds: number): string {
  const name = suite.name.padEnd(12);
  if (reason !== undefined) return `${name} left out: ${reason}`;
  const skipped = result.skipped === 0 ? "" : `, ${result.skipped} skipped`;
  return `${name} ${result.passed} passed, ${result.failed} failed${skipped} (${seconds.toFixed(1)} s)`;
}

/** Only for suites that have files, so that nothing is installed for a folder that is not there. */
async function provideSystemPrograms(wanted: readonly Suite[]): Promise<void> {
  const present = wanted.filter((suite) => reasonToLeaveOut({ ...suite, needs: [] }) === undefined);
  const missing = [...new Set(present.flatMap((suite) => suite.needs))].filter(
    (name) => findProgram(name) === undefined,
  );
  if (missing.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  if (isRoot || values.install === true) {
    process.stdout.write(`Installing ${missing.join(", ")}...\n`);
    if (await installPrograms(missing, !isRoot)) return;
  }
  process.stdout.write(`Missing here: ${missing.join(", ")}. To install: ${aptLine(missing)}\n`);
}
