import type { DeviceApi } from "@parley/client";
import { id16Schema, limits, ParleyError } from "@parley/protocol";

/** Pages that are looked through for the beginning of an id. */
const mostPages = 20;

/** The whole id of a task of one's own by what a person typed of it. Throws `task_not_found`, or `invalid_argument` for what fits several. */
export async function findTask(device: DeviceApi, typed: string): Promise<string> {
  if (id16Schema.safeParse(typed).success) return typed;
  const fitting: string[] = [];
  let after: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const { tasks, next } = await device.board.list({
      limit: limits.pageSize,
      ...(after === undefined ? {} : { after }),
    });
    fitting.push(...tasks.map(({ task }) => task).filter((task) => task.startsWith(typed)));
    after = next;
    if (next === undefined) break;
  }
  const [only, ...others] = fitting;
  if (only === undefined)
    throw new ParleyError("task_not_found", { message: `No task of yours begins with ${typed}.` });
  if (others.length === 0) return only;
  throw new ParleyError("invalid_argument", {
    message: `${fitting.length} tasks begin with ${typed}; give more of it.`,
  });
}

/** The task on the board that is meant; undefined where a direct task begins so. Throws as `findTask`. */
export async function boardTaskOf(device: DeviceApi, typed: string): Promise<string | undefined> {
  const direct = await device.tasks.list();
  return direct.some(({ id }) => id.startsWith(typed)) ? undefined : findTask(device, typed);
}
