import { stat } from "node:fs/promises";

import { isParleyError, ParleyError, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { lastLines, type LogEntry } from "../supervisor/agent-log.ts";
import { supervisedFolder } from "../supervisor/folder-option.ts";
import { askSupervisor } from "../supervisor/supervisor-call.ts";
import { mostLogLines } from "../supervisor/supervisor-lines.ts";
import { logPathOf } from "../supervisor/supervisor.ts";

const defaultLines = 100;

/** Prints what an agent printed; with `--follow` also what it prints from now on. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const name = input.argument("agent");
  const follow = input.switch("follow");
  const lines = input.integer("lines", 0, mostLogLines) ?? defaultLines;
  const folder = await supervisedFolder(context);
  const onEntry = (entry: LogEntry): void => print(context, entry);
  try {
    await askSupervisor(folder, { op: "logs", name, lines, follow }, { signal, onEntry });
  } catch (error) {
    if (signal.aborted) return 0;
    const nobody = isParleyError(error) && error.code === "not_connected";
    if (!nobody || follow) throw error;
    await printFile(context, folder, name, lines);
  }
  return 0;
};

/** What an ended supervisor left. */
async function printFile(context: CommandContext, folder: string, name: string, lines: number): Promise<void> {
  const path = logPathOf(folder, name);
  if (name.includes("/") || (await stat(path).catch(() => undefined))?.isFile() !== true)
    throw new ParleyError("not_found", { message: `There is no log of an agent ${visible(name)} in ${folder}.` });
  for (const entry of lastLines(path, lines)) print(context, entry);
}

function print({ out }: CommandContext, { time, from, text }: LogEntry): void {
  out.event({ time, from, text }, `${formatTime(time)} ${from.padEnd(10)} ${visible(text)}`);
}
