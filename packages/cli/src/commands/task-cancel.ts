import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { directTask } from "../tasks/direct-tasks.ts";

export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { out, input } = context;
    const { id, name, role } = await directTask(device, input.argument("task"));
    await device.tasks.cancel(id);
    out.result({ task: id, canceled: true }, () =>
      out.line(role === "asked" ? `Asked @${name} to stop ${id}.` : `Stopped ${id}, which @${name} asked for.`),
    );
    return 0;
  });
