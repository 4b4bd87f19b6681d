import type { ExitCode } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatMoment } from "../moment.ts";
import { withJournal } from "../open-device.ts";
import { isOpen, stateText } from "../tasks/direct-tasks.ts";

export const run: CommandModule["run"] = (context) =>
  withJournal(context, async (device): Promise<ExitCode> => {
    const { out, input } = context;
    const all = await device.tasks.list();
    const tasks = input.switch("open") ? all.filter(isOpen) : all;
    out.result({ tasks }, () => {
      if (tasks.length === 0) return out.line("No task is remembered here; those that end within a moment are not.");
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
    });
    return 0;
  });
