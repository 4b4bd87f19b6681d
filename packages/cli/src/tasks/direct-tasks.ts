/** Direct tasks as commands show them. */
import type { DeviceApi, TaskView } from "@parley/client";
import { isTerminal, ParleyError } from "@parley/protocol";

/** The direct task that an id, or its beginning, names. Throws `task_not_found`, `conflict`. */
export async function directTask(device: DeviceApi, id: string): Promise<TaskView> {
  const all = await device.tasks.list();
  const exact = all.filter((task) => task.id === id);
  const found = exact.length > 0 ? exact : all.filter((task) => task.id.startsWith(id));
  const [task, another] = found;
  if (task === undefined)
    throw new ParleyError("task_not_found", {
      message: `No task ${id} is remembered here; those that end within a moment are not.`,
    });
  if (another !== undefined)
    throw new ParleyError("conflict", { message: `${found.length} tasks begin with ${id}; give more of the id.` });
  return task;
}

/** `working`, `input-required`, `failed (timeout)`. */
export function stateText({ state, code }: Pick<TaskView, "state" | "code">): string {
  const words = state.replace("TASK_STATE_", "").toLowerCase().replaceAll("_", "-");
  return code === undefined || words === "canceled" ? words : `${words} (${code})`;
}

export const isOpen = ({ state, ended }: TaskView): boolean => ended === undefined && !isTerminal(state);
