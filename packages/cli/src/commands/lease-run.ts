import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";

import { HeldLease } from "@parley/client";
import { startChild } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule, ProgramExit } from "../command.ts";
import { leaseOptionsOf } from "../lease-view.ts";
import { openDevice } from "../open-device.ts";
import { settingNames, type SettingRow, settingTable, variableOf } from "../setting-table.ts";

/** Holds a lease while a command runs. When the lease is lost the command is told to end. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal, out } = context;
  const opened = await openDevice(context);
  try {
    out.progress(`waiting for ${input.argument("resource")}…`);
    await using held = await HeldLease.take(opened.device, input.argument("resource"), {
      ...leaseOptionsOf(context),
      signal,
    });
    out.note(`holding ${held.resource}, generation ${held.generation}`);
    const ended = await untilEnded(context, held);
    if (held.signal.aborted) throw held.signal.reason as ParleyError;
    return ended;
  } finally {
    await opened.close();
  }
};

async function untilEnded(context: CommandContext, held: HeldLease): Promise<ProgramExit> {
  const [program, args] = [context.input.argument("command"), context.input.rest()];
  const child = startChild(program, args, { environment: withoutSecrets(context.environment), stdio: "inherit" });
  const end = (): void => void child.kill("SIGTERM");
  // Ctrl-C reaches it on its own.
  context.signal.addEventListener("abort", end, { once: true });
  held.signal.addEventListener("abort", end, { once: true });
  try {
    return { program: await exitOf(child, program) };
  } finally {
    context.signal.removeEventListener("abort", end);
    held.signal.removeEventListener("abort", end);
  }
}

/** As a shell tells it: the exit code, or 128 and the number of the signal. */
function exitOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new ParleyError("invalid_argument", { message: `${program} cannot be run: ${cause.message}.`, cause })),
    );
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** Somebody's own command gets the environment that it would have without us, but for what only Parley is to know. */
function withoutSecrets(environment: CommandContext["environment"]): CommandContext["environment"] {
  const secret = settingNames.filter((name) => (settingTable[name] as SettingRow).secret === true).map(variableOf);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !secret.includes(name)));
}
