import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";

import { ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { findAgents } from "../supervisor/agent-folders.ts";
import { launchdPlist, type ServicePlan, systemdUnit } from "../supervisor/service-unit.ts";

const writers: Readonly<Record<string, (plan: ServicePlan) => string>> = {
  systemd: systemdUnit,
  launchd: launchdPlist,
};
/** Longer than agents may take to end the tasks that they have in hand. */
const stopSeconds = 330;

/** Prints a unit file that runs a folder's agents, or a registry, whenever the person is signed in. */
export const run: CommandModule["run"] = async (context) => {
  const kind = context.input.argument("kind");
  const write = Object.hasOwn(writers, kind) ? writers[kind] : undefined;
  if (write === undefined)
    throw new ParleyError("invalid_argument", { message: "A unit file is for systemd or for launchd." });
  const plan = context.input.switch("up") ? registryPlan(context) : await agentsPlan(context);
  const text = write(plan);
  context.out.result({ kind, name: plan.name, text }, () => context.out.line(text.trimEnd()));
  return 0;
};

async function agentsPlan({ input, cwd }: CommandContext): Promise<ServicePlan> {
  const folder = resolve(cwd, input.optionalArgument("folder") ?? ".");
  await findAgents(folder);
  return planOf(`agents-${basename(folder)}`, `Parley agents of ${folder}`, folder, ["run", "--all", folder]);
}

/** Its settings are those of parley.yaml in the folder, and of the flags given here. */
function registryPlan({ input, cwd, settings }: CommandContext): ServicePlan {
  const folder = resolve(cwd, input.optionalArgument("folder") ?? ".");
  return planOf("registry", "Parley registry", folder, ["up", "--data", settings.get("data")]);
}

function planOf(name: string, description: string, folder: string, args: readonly string[]): ServicePlan {
  const [, main = ""] = process.argv;
  const known = name.replaceAll(/[^A-Za-z0-9-]/g, "-");
  return {
    name: known,
    description,
    command: [process.execPath, ...process.execArgv, main, ...args],
    folder,
    stopSeconds,
    logPath: join(homedir(), "Library", "Logs", `parley.${known}.log`),
  };
}
