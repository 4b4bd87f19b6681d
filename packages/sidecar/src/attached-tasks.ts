/** Direct tasks of a device that another process holds. */
import type { TaskApi, TaskRun, TaskView } from "@parley/client";
import type { Task } from "@parley/protocol";

import { attachedRun } from "./attached-run.ts";
import type { LocalCalls } from "./local-calls.ts";

export class AttachedTasks implements TaskApi {
  readonly #calls: LocalCalls;

  constructor(calls: LocalCalls) {
    this.#calls = calls;
  }

  async list(): Promise<readonly TaskView[]> {
    return (await this.#calls.call("tasks", {})).tasks;
  }

  follow(
    task: string,
    { after, signal }: { readonly after?: number; readonly signal?: AbortSignal } = {},
  ): Promise<TaskRun> {
    return attachedRun(
      "followTask",
      { task, ...(after === undefined ? {} : { after }) },
      {
        calls: this.#calls,
        signal,
        reply: async (id, text) => void (await this.#calls.call("replyToTask", { task: id, text })),
        cancel: (id) => void this.cancel(id).catch(() => undefined),
      },
    );
  }

  async get(task: string): Promise<Task> {
    return (await this.#calls.call("getTask", { task })).task;
  }

  async cancel(task: string): Promise<Task> {
    return (await this.#calls.call("cancelTask", { task })).task;
  }

  async export(task: string): Promise<string> {
    return (await this.#calls.call("exportTask", { task })).file;
  }
}
