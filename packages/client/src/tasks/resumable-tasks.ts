/**
 * Tasks of resumable skills: on disk before they begin, so that they are begun again after a restart, with what the skill kept
 * of where it was; and how they ended, for a caller that has not heard it.
 */
import { type Clock, type Journal, maxJournalStateBytes } from "@parley/core";
import {
  id32Schema,
  limits,
  messageSchema,
  ParleyError,
  skillIdSchema,
  type Task,
  taskSchema,
  type WireError,
  wireErrorSchema,
} from "@parley/protocol";
import { z } from "zod";

import { KeptTable } from "../kept-table.ts";
import type { HeldTask } from "./held-task.ts";
import { jsonBytes } from "./task-pieces.ts";
import { recordedActSchema } from "./task-record.ts";
import { taskCauseSchema } from "./waiting-tasks.ts";

/** What it was begun with. */
export const resumableTaskSchema = z.object({
  contextId: z.string(),
  skill: skillIdSchema,
  owner: id32Schema,
  device: id32Schema,
  message: messageSchema,
  /** Persons who said yes to it. */
  yeses: z.int().min(0),
  cause: taskCauseSchema,
});
export type ResumableTask = z.infer<typeof resumableTaskSchema>;

/** Where it is. */
export const taskProgressSchema = z.object({
  starts: z.int().min(1),
  /** Milliseconds that the work had left at `at` (ms since 1970); without `at` they do not run. */
  leftMs: z.number(),
  at: z.number().optional(),
  checkpoint: z.unknown().optional(),
  acts: z.array(recordedActSchema).max(limits.taskTimelineEntries),
  ended: z.object({ task: taskSchema, error: wireErrorSchema.optional() }).optional(),
});
export type TaskProgress = z.infer<typeof taskProgressSchema>;

export interface ResumableTables {
  readonly tasks: KeptTable<ResumableTask>;
  readonly progress: KeptTable<TaskProgress>;
}

/** Of one that ended, beside those at work. */
const mostEnded = limits.resumableTasks;
/** Room for what stands around a message or a checkpoint. */
const aroundBytes = 2 * maxJournalStateBytes;

export async function openResumableTasks(journal: Journal): Promise<ResumableTables> {
  const most = limits.resumableTasks + mostEnded;
  const [tasks, progress] = await Promise.all([
    KeptTable.open<ResumableTask>({
      journal,
      name: "resumable-tasks",
      schema: resumableTaskSchema,
      most,
      mostBytes: limits.envelopeBytes + aroundBytes,
    }),
    KeptTable.open<TaskProgress>({
      journal,
      name: "task-progress",
      schema: taskProgressSchema,
      most,
      mostBytes: limits.checkpointBytes + limits.envelopeBytes + aroundBytes,
    }),
  ]);
  return { tasks, progress };
}

export class ResumableTasks {
  readonly #tables: ResumableTables;
  readonly #clock: Clock;

  constructor(tables: ResumableTables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** What an earlier start left, with where it is. */
  get left(): readonly (readonly [string, ResumableTask, TaskProgress])[] {
    return this.#tables.tasks.all().flatMap(([id, task]) => {
      const progress = this.#tables.progress.get(id);
      return progress === undefined ? [] : [[id, task, progress] as const];
    });
  }

  has(id: string): boolean {
    return this.#tables.tasks.get(id) !== undefined;
  }

  /** Durable when resolved. Throws `limit_reached` when too many are at work. */
  async begin(held: HeldTask, task: ResumableTask): Promise<void> {
    const { tasks, progress } = this.#tables;
    const ended = this.left.filter(([, , { ended: end }]) => end !== undefined);
    if (tasks.size - ended.length >= limits.resumableTasks)
      throw new ParleyError("limit_reached", {
        message: `This agent keeps ${limits.resumableTasks} tasks of resumable skills already.`,
      });
    const [oldest] = ended;
    if (ended.length >= mostEnded && oldest !== undefined) await this.forget(oldest[0]);
    const { leftMs } = held.time;
    await Promise.all([
      tasks.put(held.id, task),
      progress.put(held.id, { starts: 1, leftMs, at: this.#clock.now(), checkpoint: undefined, acts: [] }),
    ]);
  }

  /** Begun once more; gives which time this is. Durable when resolved. */
  async again(id: string): Promise<number> {
    const before = this.#progressOf(id);
    await this.#tables.progress.put(id, { ...before, starts: before.starts + 1 });
    return before.starts + 1;
  }

  /** Keeps where it is, and how much time it has left; `checkpoint` only where there is a new one. Durable when resolved. */
  async note(held: HeldTask, checkpoint?: { readonly value: unknown }): Promise<void> {
    const { leftMs, isPaused } = held.time;
    const { at: _, ...before } = this.#progressOf(held.id);
    const bytes = checkpoint?.value === undefined ? 0 : jsonBytes(checkpoint.value);
    if (bytes > limits.checkpointBytes)
      throw new ParleyError("too_large", { message: `A checkpoint has at most ${limits.checkpointBytes} bytes.` });
    await this.#tables.progress.put(held.id, {
      ...before,
      leftMs,
      ...(isPaused ? {} : { at: this.#clock.now() }),
      ...(checkpoint === undefined ? {} : { checkpoint: checkpoint.value }),
      acts: [...held.record.acts],
    });
  }

  /** It ended: kept for its caller, without what is too large to be kept. */
  async end(held: HeldTask, task: Task, error: WireError | undefined): Promise<void> {
    const before = this.#tables.progress.get(held.id);
    if (before === undefined) return;
    const ended = { task, ...(error === undefined ? {} : { error }) };
    const row = { ...before, checkpoint: undefined, acts: [...held.record.acts], ended };
    if (jsonBytes(row) > limits.envelopeBytes) return this.forget(held.id);
    await this.#tables.progress.put(held.id, row);
  }

  async forget(id: string): Promise<void> {
    await Promise.all([this.#tables.tasks.delete(id), this.#tables.progress.delete(id)]);
  }

  #progressOf(id: string): TaskProgress {
    const progress = this.#tables.progress.get(id);
    if (progress === undefined) throw new ParleyError("task_not_found");
    return progress;
  }
}

/** Milliseconds that the work still has, at a time (ms since 1970). */
export function leftAt({ leftMs, at }: Pick<TaskProgress, "leftMs" | "at">, now: number): number {
  return at === undefined ? leftMs : leftMs - Math.max(0, now - at);
}
