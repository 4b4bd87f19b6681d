/** What each operation on direct tasks does with the device of this process. */
import type { TaskRun } from "@parley/client";

import type { OperationEventJson, OperationReplyJson } from "./operations.ts";
import { type Handlers, untilAborted } from "./request-context.ts";
import type { taskOperations } from "./task-operations.ts";

/** Who works on a task is told after this, if nothing else was. */
const tellSoonMs = 5;

/** Streams a task's events until it ends. */
export async function streamRun(
  run: TaskRun,
  emit: (event: OperationEventJson<"delegate">) => Promise<void>,
): Promise<OperationReplyJson<"delegate">> {
  // Both sides of a failed call throw: the stream below is the one that is read.
  run.outcome.catch(() => undefined);
  let told: Promise<void> | undefined;
  const tell = (): Promise<void> => (told ??= emit({ to: { ...run.to, roles: [...run.to.roles] } }));
  // With the first event, where that comes soon: a short call wakes its program once.
  const timer = setTimeout(() => void tell().catch(() => undefined), tellSoonMs);
  try {
    for await (const task of run.events) {
      await tell();
      await emit({ task });
    }
    await tell();
    const { path, reason, tookMs } = await run.outcome;
    return { path, reason, tookMs };
  } finally {
    clearTimeout(timer);
  }
}

export const taskHandlers: Handlers<keyof typeof taskOperations> = {
  tasks: async ({ device }) => ({ tasks: [...(await device.tasks.list())] }),
  async followTask({ device, body, signal, emit }) {
    const { task, after } = body;
    const run = await device.tasks.follow(task, after === undefined ? {} : { after });
    const gone = untilAborted(signal).then(() => run.leave());
    const end = await streamRun(run, emit);
    gone.catch(() => undefined);
    return end;
  },
  getTask: async ({ device, body }) => ({ task: await device.tasks.get(body.task) }),
  cancelTask: async ({ device, body }) => ({ task: await device.tasks.cancel(body.task) }),
  exportTask: async ({ device, body }) => ({ file: await device.tasks.export(body.task) }),
};
