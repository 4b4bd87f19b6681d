import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { findTask } from "../task-reference.ts";
import { followRun } from "../task-view.ts";

/** Waits for a task's end and prints its result. */
export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const id = await findTask(device, context.input.argument("task"));
    return followRun(context, device, device.board.follow(id));
  });
