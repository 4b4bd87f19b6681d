import type { ErrorCode, Task, TaskState } from "@parley/protocol";

import type { TaskRun } from "./task-run.ts";

/** A direct task, as this device remembers it. */
export interface TaskView {
  readonly id: string;
  /** `asked` by this device, or `worked` on by it. */
  readonly role: "asked" | "worked";
  /** The other side: whoever works on it, or asked for it. */
  readonly member: string;
  /** Without the `@`. */
  readonly name: string;
  readonly device: string | undefined;
  readonly skill: string;
  readonly contextId: string | undefined;
  readonly state: TaskState;
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly deadline: number | undefined;
  readonly ended: number | undefined;
  /** Number of the newest event that is known. */
  readonly last: number;
  /** Why it failed. */
  readonly code: ErrorCode | undefined;
}

/** The direct tasks of this device: those it asked for that take longer than a moment, and those it works on or did. */
export interface TaskApi {
  /** Oldest first. */
  list(): Promise<readonly TaskView[]>;
  /**
   * Follows a task that was asked for, also by an earlier start of this device, from the event after `after` on; by default from the last one
   * that came. Throws `task_not_found`, `not_connected`; its outcome rejects with `interrupted` where the agent knows nothing of it any more.
   */
  follow(id: string, options?: { readonly after?: number; readonly signal?: AbortSignal }): Promise<TaskRun>;
  /** The task as its agent holds it. Throws `task_not_found`, `not_connected`. */
  get(id: string): Promise<Task>;
  /** Asks the agent to stop, or stops the own work. Throws `task_not_found`, `task_not_cancelable`. */
  cancel(id: string): Promise<Task>;
  /** The signed timeline as a file's text, which verifies offline. Throws `task_not_found`, `not_connected`, `timeline_broken`. */
  export(id: string): Promise<string>;
}
