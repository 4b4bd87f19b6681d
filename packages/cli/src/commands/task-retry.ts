import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { findTask } from "../tasks/board-reference.ts";

/** Has a task tried again that ended without success. */
export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const facts = await device.board.retry(await findTask(device, input.argument("task")));
    const left = facts.attempts - facts.starts;
    out.result(facts, () =>
      out.line(`Task ${facts.task} is open again, for ${left} more start${left === 1 ? "" : "s"}.`),
    );
    return 0;
  });
