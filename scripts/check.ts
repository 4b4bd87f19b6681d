/** `npm run check`: format, lint, types, unused code, dependencies, and versions in step. `-- --json` prints one object instead. */
import { describeCheck, runChecks } from "./checks.ts";

const json = process.argv.includes("--json");
const results = await runChecks((result) => {
  if (!json) process.stdout.write(describeCheck(result));
});
const ok = results.every((result) => result.ok);
if (json) process.stdout.write(`${JSON.stringify({ ok, checks: results }, undefined, 2)}\n`);
process.exitCode = ok ? 0 : 1;
