import { stripVTControlCharacters } from "node:util";

import { runChild, toolPath, type ChildResult } from "./child.ts";

/** What is checked about the sources without running them, slowest first: two run at a time. */
const checks = [
  { name: "types", tool: "tsc", args: ["-p", ".", "--noEmit", "--checkers", "2"] },
  { name: "lint", tool: "oxlint", args: [] },
  { name: "unused", tool: "knip", args: ["--no-progress", "--no-config-hints"] },
  { name: "format", tool: "oxfmt", args: ["--check"] },
  { name: "dependencies", tool: "node", args: ["scripts/check-dependencies.ts"] },
  { name: "versions", tool: "sherif", args: [] },
] as const;

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly output: string;
}

const checksAtOnce = 2;
const checkLimitMs = 120_000;

/** Runs every check and reports each as it ends. */
export async function runChecks(onResult: (result: CheckResult) => void): Promise<readonly CheckResult[]> {
  const waiting = [...checks];
  const results: CheckResult[] = [];
  const work = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const child = await runChild(check.tool === "node" ? process.execPath : toolPath(check.tool), check.args, {
        capture: true,
        timeoutMs: checkLimitMs,
      });
      const result = toResult(check.name, child);
      results.push(result);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: checksAtOnce }, work));
  return results;
}

function toResult(name: string, child: ChildResult): CheckResult {
  const ok = child.code === 0;
  return {
    name,
    ok,
    seconds: Math.round(child.seconds * 10) / 10,
    output: ok ? "" : stripVTControlCharacters(child.output),
  };
}

/** One line for a person, followed by the tool's own words if it failed. */
export function describeCheck(result: CheckResult): string {
  const line = `${result.ok ? "ok  " : "FAIL"} ${result.name.padEnd(12)} ${result.seconds.toFixed(1)} s\n`;
  return result.ok ? line : `${line}${result.output.trimEnd()}\n`;
}
