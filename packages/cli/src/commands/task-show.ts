import type { TaskView } from "@parley/client";
import { isParleyError, type Task, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { withDevice } from "../open-device.ts";
import { directTask, stateText } from "../tasks/direct-tasks.ts";

export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const view = await directTask(device, context.input.argument("task"));
    const task = await device.tasks.get(view.id).catch((error: unknown) => {
      if (isParleyError(error)) return undefined;
      throw error;
    });
    context.out.result({ ...view, ...(task === undefined ? {} : { task }) }, () => print(context, view, task));
    return 0;
  });

function print({ out }: CommandContext, view: TaskView, task: Task | undefined): void {
  const { id, role, name, skill, contextId, began, ended, last } = view;
  out.line(`${id}: ${skill}, ${role === "asked" ? `asked of @${name}` : `for @${name}`}`);
  out.line(`state: ${stateText(task === undefined ? view : { state: task.status.state, code: view.code })}`);
  out.line(`began: ${formatTime(began)}${ended === undefined ? "" : `, ended: ${formatTime(ended)}`}`);
  if (contextId !== undefined) out.line(`context: ${contextId}`);
  out.line(`last event: ${last}`);
  if (task === undefined) return out.note("Its agent does not answer; this is what is remembered here.");
  for (const { artifactId, name: label, parts } of task.artifacts ?? [])
    out.line(`artifact: ${visible(label ?? artifactId)}, ${parts.length} part${parts.length === 1 ? "" : "s"}`);
}
