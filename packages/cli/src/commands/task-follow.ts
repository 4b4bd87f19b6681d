import { ParleyError, visible } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";
import { directTask } from "../tasks/direct-tasks.ts";
import { follow } from "../tasks/task-follow.ts";

/** Follows a task that was asked for before. Ctrl-C ends the following, not the task. */
export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out, signal } = context;
    const { id, role } = await directTask(device, input.argument("task"));
    if (role !== "asked")
      throw new ParleyError("unsupported_operation", {
        message: "This agent works on the task itself; see `parley task show` and the agent's log.",
      });
    const after = input.integer("after", 0, Number.MAX_SAFE_INTEGER);
    const run = await device.tasks.follow(id, after === undefined ? {} : { after });
    run.outcome.catch(() => undefined);
    signal.addEventListener("abort", () => run.leave(), { once: true });
    await follow(context, run);
    const { task, output, text, path, tookMs } = await run.outcome;
    if (out.json)
      out.event({ type: "result", state: task.status.state, taskId: id, to: run.to.name, path, output, text }, "");
    else if (output !== undefined)
      out.line(visible(typeof output === "string" ? output : JSON.stringify(output, undefined, 2)));
    out.note(out.style("dim", `path: ${path}  followed for: ${formatDuration(tookMs)}`));
    return 0;
  });
