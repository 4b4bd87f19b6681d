import { visible } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { withDevice } from "../open-device.ts";
import { findTask } from "../task-reference.ts";
import { nameOf, printOutcome, stateText } from "../task-view.ts";

/** Shows all of a task on the board. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  return withDevice(context, async ({ device }) => {
    const view = await device.board.task(await findTask(device, input.argument("task")));
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
      return 0;
    }
    const rows: readonly (readonly [string, string | undefined])[] = [
      ["task", facts.task],
      ["skill", facts.skill],
      ["state", stateText(facts, Date.now())],
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
    return 0;
  });
};
