#!/usr/bin/env node
import { commandTable } from "./commands.ts";
import { parseCommandLine } from "./program.ts";

/** Packages carry the same version. */
const version = "0.1.0";

const parsed = parseCommandLine(commandTable, process.argv.slice(2), version);
if ("text" in parsed) process.stdout.write(parsed.text);
else {
  // The product loads only when there is something to do: `--help` stays fast.
  const { runInvocation, reportUsage } = await import("./run-invocation.ts");
  if ("usage" in parsed) reportUsage(parsed.usage, process.argv.includes("--json"));
  else await runInvocation(parsed.invocation);
}
