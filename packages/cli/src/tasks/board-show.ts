import type { DeviceApi } from "@parley/client";
import { visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { formatTime } from "../moment.ts";
import { boardStateText, nameOf, printOutcome } from "./board-view.ts";

/** Shows all of a task on the board. */
export async function showBoardTask(context: CommandContext, device: DeviceApi, id: string): Promise<void> {
  const { out } = context;
  const view = await device.board.task(id);
  const { facts, asked, outcome, error, acts } = view;
  const names = new Map(
    await Promise.all(
      [...new Set(acts.map(({ by }) => by))].map(async (by) => [by, await nameOf(device, by)] as const),
    ),
  );
  const worker = await nameOf(device, facts.worker);
  if (out.json) {
    const { output = null, text } = outcome ?? { text: undefined };
    out.result({ ...facts, asked, error, acts, ...(outcome === undefined ? {} : { output, text }) }, () => undefined);
    return;
  }
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["task", facts.task],
    ["skill", facts.skill],
    ["state", boardStateText(facts, Date.now())],
    ["worker", worker === "" ? undefined : worker],
    ["since", formatTime(facts.created)],
    ["until", formatTime(facts.deadline)],
    ["priority", String(facts.priority)],
    ["waits for", facts.waitsFor?.join(" ")],
    ["error", error && `${error.message} (${error.code})`],
    ["input", asked && (asked.input === undefined ? asked.text : JSON.stringify(asked.input))],
  ];
  for (const [name, says] of rows)
    if (says !== undefined) out.line(`${out.style("dim", name.padEnd(9))} ${visible(says)}`);
  out.line();
  for (const { type, by, at } of acts) out.line(`${formatTime(at)}  ${type} by ${visible(names.get(by) ?? by)}`);
  if (outcome !== undefined) {
    out.line();
    printOutcome(context, outcome);
  }
}
