/** What is sealed of a task on the board: its input, and its result. JSON in UTF-8. */
import { z } from "zod";

import { callStepSchema, wireErrorSchema } from "./call.ts";
import { limits } from "./limits.ts";
import { compactSchema } from "./statement.ts";
import { messageSchema, taskSchema } from "./task.ts";

/** As a call has it. */
export const boardInputSchema = z.object({
  message: messageSchema,
  hops: z.int().min(0).max(limits.hops).optional(),
  through: z.array(callStepSchema).max(limits.hops).optional(),
  chain: z.array(compactSchema).min(1).max(limits.delegationChain).optional(),
});
export type BoardInput = z.infer<typeof boardInputSchema>;

/** The A2A task as it ended, or why it failed. */
export const boardOutputSchema = z.union([
  z.object({ task: taskSchema, error: z.undefined().optional() }),
  z.object({ task: taskSchema.optional(), error: wireErrorSchema }),
]);
export type BoardOutput = z.infer<typeof boardOutputSchema>;
