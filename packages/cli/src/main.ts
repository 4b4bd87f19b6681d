#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/** Packages carry the same version. */
const version = "0.1.0";

// Halves the start. In the checkout, so that nobody else can put code there; where it cannot be written it is left out.
enableCompileCache(fileURLToPath(new URL("../../../node_modules/.cache/parley", import.meta.url)));
const [{ commandTable }, { parseCommandLine }] = await Promise.all([import("./commands.ts"), import("./program.ts")]);

const parsed = parseCommandLine(commandTable, process.argv.slice(2), version);
if ("text" in parsed) {
  // A reader that went away wants no more.
  process.stdout.on("error", () => process.exit(0));
  process.stdout.write(parsed.text);
} else {
  // The product loads only when there is something to do: `--help` stays fast.
  const { runInvocation, reportUsage } = await import("./run-invocation.ts");
  if ("usage" in parsed) reportUsage(parsed.usage, process.argv.includes("--json"));
  else await runInvocation(parsed.invocation);
}
