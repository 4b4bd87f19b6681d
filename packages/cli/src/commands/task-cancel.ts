import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { findTask } from "../task-reference.ts";

/** Cancels a task on the board. */
export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const facts = await device.board.cancel(await findTask(device, input.argument("task")));
    out.result(facts, () => out.line(`Task ${facts.task} is canceled.`));
    return 0;
  });
