/** Tasks that this device asked for and that take longer than a moment: on disk, so that they are found again after a restart. */
import type { Clock, Journal } from "@parley/core";
import { errorCodeSchema, id32Schema, limits, pathSchema, skillIdSchema, taskStates } from "@parley/protocol";
import { z } from "zod";

import { KeptTable } from "../kept-table.ts";
import type { CallerRun } from "./caller-run.ts";

export const askedTaskSchema = z.object({
  id: z.string(),
  /** Whom it was asked of. */
  member: id32Schema,
  name: z.string(),
  device: id32Schema,
  skill: skillIdSchema,
  contextId: z.string().optional(),
  paths: z.array(pathSchema).optional(),
  /** Milliseconds since 1970. */
  began: z.number(),
  deadline: z.number(),
  /** Number of the last event that came. */
  last: z.int().min(0),
  state: z.enum(taskStates),
  ended: z.number().optional(),
  code: errorCodeSchema.optional(),
});
export type AskedTask = z.infer<typeof askedTaskSchema>;

/** Ids as long as ours, and a good deal longer. */
const mostIdCharacters = 64;

export function openAskedTasks(journal: Journal): Promise<KeptTable<AskedTask>> {
  return KeptTable.open<AskedTask>({ journal, name: "asked-tasks", schema: askedTaskSchema, most: limits.askedTasks });
}

export class AskedTasks {
  readonly #table: KeptTable<AskedTask>;
  readonly #clock: Clock;

  constructor(table: KeptTable<AskedTask>, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
  }

  /** Oldest first. */
  all(): readonly AskedTask[] {
    return this.#table.all().map(([, task]) => task);
  }

  /** Two agents may have given the same id. */
  byId(id: string): readonly AskedTask[] {
    return this.all().filter((task) => task.id === id);
  }

  /** Keeps how far a run is, if that changed. Durable when resolved. */
  async note(run: CallerRun): Promise<void> {
    const id = run.taskId;
    if (id === undefined || id.length > mostIdCharacters) return;
    const key = keyOf(run, id);
    const before = this.#table.get(key);
    if (before?.last === run.last && before.state === run.state && before.ended === undefined) return;
    if (before === undefined && !(await this.#makeRoom())) return;
    if (run.isDone) return;
    const { member, name, device } = run.to;
    const { contextId, paths } = run;
    await this.#table.put(key, {
      id,
      member,
      name,
      device,
      skill: run.skill,
      ...(contextId === undefined ? {} : { contextId }),
      ...(paths === undefined ? {} : { paths: [...paths] }),
      began: before?.began ?? Math.round(this.#clock.now() - run.ageMs),
      deadline: run.deadline,
      last: run.last,
      state: run.state ?? "TASK_STATE_SUBMITTED",
    });
  }

  /** A run ended: one that is kept is kept as ended, unless it was this device that stopped. */
  async end(run: CallerRun): Promise<void> {
    const id = run.taskId;
    const key = id === undefined ? "" : keyOf(run, id);
    const kept = this.#table.get(key);
    if (kept === undefined || run.error?.code === "closed") return;
    const code = run.error?.code;
    await this.#table.put(key, {
      ...kept,
      last: run.last,
      state: stateOf(run),
      ended: this.#clock.now(),
      ...(code === undefined ? {} : { code }),
    });
  }

  /** The oldest that ended gives way. False when all are under way. */
  async #makeRoom(): Promise<boolean> {
    if (this.#table.size < limits.askedTasks) return true;
    const oldest = this.#table.all().find(([, { ended }]) => ended !== undefined);
    if (oldest === undefined) return false;
    await this.#table.delete(oldest[0]);
    return true;
  }
}

const keyOf = ({ to }: CallerRun, id: string): string => `${to.device}/${id}`;

function stateOf({ state, error }: CallerRun): AskedTask["state"] {
  if (error === undefined) return state ?? "TASK_STATE_COMPLETED";
  return error.code === "canceled" ? "TASK_STATE_CANCELED" : "TASK_STATE_FAILED";
}
