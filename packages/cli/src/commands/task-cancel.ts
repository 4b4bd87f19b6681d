import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { boardTaskOf } from "../tasks/board-reference.ts";
import { directTask } from "../tasks/direct-tasks.ts";

export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { out, input } = context;
    const onBoard = await boardTaskOf(device, input.argument("task"));
    if (onBoard !== undefined) {
      const facts = await device.board.cancel(onBoard);
      out.result(facts, () => out.line(`Task ${facts.task} is canceled.`));
      return 0;
    }
    const { id, name, role } = await directTask(device, input.argument("task"));
    await device.tasks.cancel(id);
    out.result({ task: id, canceled: true }, () =>
      out.line(role === "asked" ? `Asked @${name} to stop ${id}.` : `Stopped ${id}, which @${name} asked for.`),
    );
    return 0;
  });
