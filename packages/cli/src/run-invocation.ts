import { homedir } from "node:os";

import { errorTable, isParleyError, ParleyError, toParleyError } from "@parley/protocol";

import { type CommandContext, CommandInput } from "./command-context.ts";
import { Configuration } from "./configuration.ts";
import { Presenter } from "./presenter.ts";
import type { Invocation } from "./program.ts";

/** By convention: 128 and the number of the signal (SIGINT). */
const interruptedExit = 130;

const presenterFor = (json: boolean): Presenter =>
  new Presenter({ json, out: process.stdout, err: process.stderr, environment: process.env });

/** A command line that is not one: exit code 2. */
export function reportUsage(message: string, json: boolean): void {
  presenterFor(json).error(new ParleyError("invalid_argument", { message }));
  process.exitCode = errorTable.invalid_argument.exit;
}

/** Runs a command to its end and ends the process with its exit code. */
export async function runInvocation(invocation: Invocation): Promise<void> {
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (abort.signal.aborted) process.exit(interruptedExit);
      abort.abort(new ParleyError("canceled", { message: `Stopped by ${name}.` }));
    });
  }
  // A reader that went away, as `| head` does, wants no more.
  process.stdout.on("error", () => process.exit(0));
  // Nobody is left to be told.
  process.stderr.on("error", () => undefined);
  const code = await exitCodeOf(invocation, abort.signal);
  await flush(process.stdout);
  await flush(process.stderr);
  process.exit(code);
}

async function exitCodeOf(invocation: Invocation, signal: AbortSignal): Promise<number> {
  let out = presenterFor(invocation.flags.get("json") === "true");
  try {
    const cwd = process.cwd();
    const settings = Configuration.read({
      flags: invocation.flags,
      environment: process.env,
      cwd,
      homeDirectory: homedir(),
    });
    out = presenterFor(settings.get("json"));
    const context: CommandContext = {
      input: new CommandInput(invocation.arguments, invocation.options, invocation.rest),
      settings,
      out,
      signal,
      cwd,
      environment: process.env,
    };
    const { run } = await invocation.row.load();
    const code = (await run(context)) ?? 0;
    return typeof code === "number" ? code : code.program;
  } catch (error) {
    out.error(explained(error, process.env));
    return errorTable[toParleyError(error).code].exit;
  }
}

/** What is not a coded error is a fault of ours: its stack is shown on request. */
function explained(error: unknown, environment: CommandContext["environment"]): ParleyError {
  if (isParleyError(error)) return error;
  const detail =
    error instanceof Error
      ? environment["PARLEY_LOG"] === "debug"
        ? (error.stack ?? error.message)
        : error.message
      : String(error);
  return new ParleyError("internal", {
    message: `Something failed that should not: ${detail}. PARLEY_LOG=debug shows more.`,
    cause: error,
  });
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
