import { boardStates, boardStateSchema, limits, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatMoment } from "../moment.ts";
import { withDevice } from "../open-device.ts";
import { nameOf, shownCharacters, stateText } from "../task-view.ts";

const defaultLimit = 50;

/** Lists the own tasks on the board. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const states = input.text("state")?.split(",").map(stateOf);
  const skill = input.text("skill");
  const limit = input.integer("limit", 1, limits.pageSize) ?? defaultLimit;
  return withDevice(context, async ({ device }) => {
    const query = { limit, ...(states === undefined ? {} : { states }), ...(skill === undefined ? {} : { skill }) };
    const { tasks, next } = await device.board.list(query);
    const names = await Promise.all(tasks.map(({ worker }) => nameOf(device, worker)));
    out.result({ tasks, ...(next === undefined ? {} : { next }) }, () => {
      if (tasks.length === 0) return out.line("No task of yours is on the board.");
      const now = Date.now();
      out.table(
        ["TASK", "SKILL", "SINCE", "WORKER", "STATE"],
        tasks.map((facts, index) => [
          facts.task.slice(0, shownCharacters),
          facts.skill,
          formatMoment(facts.created, now),
          names[index] ?? "",
          stateText(facts, now),
        ]),
        { cutLast: true },
      );
    });
    return 0;
  });
};

function stateOf(text: string) {
  const state = boardStateSchema.safeParse(text.trim());
  if (state.success) return state.data;
  throw new ParleyError("invalid_argument", { message: `--state is one or more of ${boardStates.join(", ")}.` });
}
