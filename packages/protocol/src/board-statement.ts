/**
 * The timeline of a task on the board: first what its asker wants done, then each act of the asker or of a worker.
 */
import { z } from "zod";

import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";
import { timelineFields } from "./timeline.ts";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
/** Of the lease under which something was done. */
const generation = z.int().min(1).max(limits.boardGenerations);
/** SHA-256 of what was sealed, as the base64url that it went as. */
const digest = id32Schema;

export const boardKeySchema = z
  .string()
  .min(1)
  .max(limits.boardKeyCharacters)
  .regex(/^[\x21-\x7e]+$/, "has other characters than those of ASCII that are seen");

/** What happens to a task of the board: `started`, `completed` and `failed` are said by a device of the worker, all else by the asker. */
export const boardActSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("submitted"),
    skill: skillIdSchema,
    input: digest,
    /** Higher ones go first. */
    priority: z.int().min(0).max(limits.boardPriority),
    /** Not begun earlier, registry time. */
    notBefore: time.optional(),
    /** Not worked on any longer, registry time. */
    deadline: time,
    /** Starts at most. */
    attempts: z.int().min(1).max(limits.boardAttempts),
    /** How long one start may take. */
    timeLimitMs: z.int().min(1).max(limits.taskMs),
    /** Tasks of the same asker that have to be completed first. */
    after: z.array(id16Schema).min(1).max(limits.boardAfter).optional(),
    /** By which the asker knows that it asked for this already: the task's id is made of it. */
    key: boardKeySchema.optional(),
    /** It is asked for somebody else: whose right it is, is for the worker to judge. */
    acts: z.literal(true).optional(),
  }),
  z.strictObject({ type: z.literal("started"), generation }),
  z.strictObject({ type: z.literal("completed"), generation, result: digest }),
  z.strictObject({
    type: z.literal("failed"),
    generation,
    /** Of the sealed error. */
    result: digest,
    code: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[a-z0-9_]+$/),
  }),
  z.strictObject({ type: z.literal("canceled") }),
  z.strictObject({ type: z.literal("retried") }),
]);
export type BoardAct = z.infer<typeof boardActSchema>;

/** An entry of the timeline. Signed by a device of `by`. */
export const boardEntryStatement = z.strictObject({ ...timelineFields, subject: id16Schema, act: boardActSchema });
