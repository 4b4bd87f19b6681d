/** Tasks that wait for an approval: on disk, so that a yes that comes after a restart still finds its work. */
import { id32Schema, messageSchema, skillIdSchema } from "@parley/protocol";
import { z } from "zod";

import type { KeptTable } from "../kept-table.ts";

/** One waiting task, by its id. */
export const keptTaskSchema = z.object({
  contextId: z.string(),
  skill: skillIdSchema,
  /** Who asks, and the device that it asked from. */
  owner: id32Schema,
  device: id32Schema,
  message: messageSchema,
  timeLimitMs: z.int().min(1),
  /** It was asked for by a delegation, which is not kept. */
  delegated: z.literal(true).optional(),
  /** The approval that it waits for. */
  request: z.string(),
});
export type KeptTask = z.infer<typeof keptTaskSchema>;
export type WaitingTasks = KeptTable<KeptTask>;
