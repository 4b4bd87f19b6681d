/**
 * `npm run mutants`: plants one fault after the other into a copy of the working tree and expects the tests to notice.
 * Options: `--only TEXT` for the mutants whose name has it, `--json`. Exit 1 when a mutant lives.
 */
import { parseArgs } from "node:util";

import { type Mutant, mutants } from "./mutants.ts";
import { type TestRun, WorkingCopy } from "./working-copy.ts";

interface Outcome {
  readonly name: string;
  readonly state: "killed" | "lives" | "unfit";
  /** The test that killed it, or why it proves nothing. */
  readonly by: string;
  readonly seconds: number;
}

/** A mutant counts when its tests pass without it, and load and fail with it. */
function judge(honest: TestRun, spoilt: TestRun): Pick<Outcome, "state" | "by"> {
  if (honest.failed.length > 0 || !honest.loaded || honest.passed === 0)
    return { state: "unfit", by: `its tests fail without it: ${honest.failed[0] ?? honest.output.slice(-300)}` };
  const [killer] = spoilt.failed;
  if (killer !== undefined) return { state: "killed", by: killer };
  if (!spoilt.loaded) return { state: "unfit", by: `it does not run: ${spoilt.output.slice(-300)}` };
  return { state: "lives", by: `${spoilt.passed} tests passed with it` };
}

async function outcomeOf(copy: WorkingCopy, mutant: Mutant, honest: Map<string, TestRun>): Promise<Outcome> {
  const started = performance.now();
  const key = JSON.stringify(mutant.tests);
  const clean = honest.get(key) ?? (await copy.test(mutant.tests));
  honest.set(key, clean);
  const spoilt = await copy.withMutant(mutant, () => copy.test(mutant.tests));
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  return { name: mutant.name, ...judge(clean, spoilt), seconds };
}

const { values } = parseArgs({ options: { only: { type: "string" }, json: { type: "boolean" } } });
const chosen = mutants.filter(({ name }) => name.includes(values.only ?? ""));
const copy = WorkingCopy.make();
const outcomes: Outcome[] = [];
try {
  const honest = new Map<string, TestRun>();
  for (const mutant of chosen) {
    const outcome = await outcomeOf(copy, mutant, honest);
    outcomes.push(outcome);
    const line = `${outcome.state.padEnd(7)} ${outcome.name.padEnd(44)} ${outcome.seconds.toFixed(1).padStart(5)} s  ${outcome.by}\n`;
    (values.json === true ? process.stderr : process.stdout).write(line);
  }
} finally {
  copy.remove();
}
const killed = outcomes.filter(({ state }) => state === "killed").length;
if (values.json === true) process.stdout.write(`${JSON.stringify({ mutants: outcomes, killed })}\n`);
else process.stdout.write(`${killed} of ${outcomes.length} mutants killed\n`);
process.exit(killed === outcomes.length && killed > 0 ? 0 : 1);
