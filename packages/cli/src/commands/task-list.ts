import type { DeviceApi, TaskView } from "@parley/client";
import { type BoardFacts, limits } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatMoment } from "../moment.ts";
import { ifConnected, withJournal } from "../open-device.ts";
import { boardStateText, nameOf, shownCharacters } from "../tasks/board-view.ts";
import { isOpen, stateText } from "../tasks/direct-tasks.ts";

interface OnBoard {
  readonly facts: BoardFacts;
  readonly worker: string;
}

/** Lists direct tasks, which this device remembers, and those on the board, which the registry has. */
export const run: CommandModule["run"] = async (context) => {
  const { out, input } = context;
  const isOpenOnly = input.switch("open");
  const all = await withJournal(context, (device) => device.tasks.list());
  const tasks = isOpenOnly ? all.filter(isOpen) : all;
  const board = (await ifConnected(context, ({ device }) => onBoard(device, isOpenOnly))) ?? [];
  out.result({ tasks, board: board.map(({ facts }) => facts) }, () => {
    if (tasks.length > 0) printDirect(context, tasks);
    if (tasks.length > 0 && board.length > 0) out.line();
    if (board.length > 0) printBoard(context, board);
    if (tasks.length + board.length === 0)
      out.line("No task is remembered here; those that end within a moment are not.");
  });
  return 0;
};

/** The newest. */
async function onBoard(device: DeviceApi, isOpenOnly: boolean): Promise<readonly OnBoard[]> {
  const query = { limit: limits.pageSize, ...(isOpenOnly ? { states: ["open", "leased"] as const } : {}) };
  const { tasks } = await device.board.list(query);
  return Promise.all(tasks.map(async (facts) => ({ facts, worker: await nameOf(device, facts.worker) })));
}

function printDirect({ out }: CommandContext, tasks: readonly TaskView[]): void {
  const now = Date.now();
  out.table(
    ["TASK", "BEGAN", "ROLE", "WITH", "SKILL", "STATE"],
    tasks.map((task) => [
      task.id,
      formatMoment(task.began, now),
      task.role,
      `@${task.name}`,
      task.skill,
      stateText(task),
    ]),
  );
}

function printBoard({ out }: CommandContext, tasks: readonly OnBoard[]): void {
  const now = Date.now();
  out.table(
    ["ON THE BOARD", "SINCE", "SKILL", "WORKER", "STATE"],
    tasks.map(({ facts, worker }) => [
      facts.task.slice(0, shownCharacters),
      formatMoment(facts.created, now),
      facts.skill,
      worker,
      boardStateText(facts, now),
    ]),
    { cutLast: true },
  );
}
