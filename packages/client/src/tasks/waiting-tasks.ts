/** Tasks that wait for an approval: on disk, so that a yes that comes after a restart still finds its work. */
import { callStepSchema, compactSchema, id32Schema, limits, messageSchema, skillIdSchema } from "@parley/protocol";
import { z } from "zod";

import type { KeptTable } from "../kept-table.ts";

const chainSchema = z.array(compactSchema).max(limits.delegationChain);

/** How a task came about, by its caller's word. */
export const taskCauseSchema = z.object({
  hops: z.int().min(0),
  through: z.array(callStepSchema).max(limits.hops),
  /** For whom the caller acts: checked again when the yes is there. */
  chained: z
    .object({
      chain: chainSchema,
      acting: compactSchema.optional(),
      skill: skillIdSchema,
      message: z.string(),
      calledAt: z.number(),
    })
    .optional(),
  mandate: chainSchema.optional(),
});
export type TaskCause = z.infer<typeof taskCauseSchema>;

/** One waiting task, by its id. */
export const keptTaskSchema = z.object({
  contextId: z.string(),
  skill: skillIdSchema,
  /** Who asks, and the device that it asked from. */
  owner: id32Schema,
  device: id32Schema,
  message: messageSchema,
  timeLimitMs: z.int().min(1),
  /** The approval that it waits for. */
  request: z.string(),
  /** Rows of earlier versions lack it. */
  cause: taskCauseSchema.optional(),
});
export type KeptTask = z.infer<typeof keptTaskSchema>;
export type WaitingTasks = KeptTable<KeptTask>;
