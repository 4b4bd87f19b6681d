/**
 * The statements of a task on the board, one timeline each: first what its asker wants done, then each act of the asker or of
 * a worker. Each names its number and the hash of the one before.
 */
import { z } from "zod";

import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
const mesh = id32Schema;

export const boardKeySchema = z
  .string()
  .min(1)
  .max(limits.boardKeyCharacters)
  .regex(/^[\x21-\x7e]+$/, "has other characters than those of ASCII that are seen");

/** What an asker wants done, by whoever has the skill. Signed by a device of `by`. */
export const boardTask = z.strictObject({
  mesh,
  /** Id of the task. With a `key` it is made of mesh, member and key. */
  subject: id16Schema,
  number: z.literal(1),
  by: id32Schema,
  iat: time,
  skill: skillIdSchema,
  /** SHA-256 of the sealed input. */
  input: id32Schema,
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
  /** By which the asker knows that it asked for this already. */
  key: boardKeySchema.optional(),
  /** It is asked for somebody else: whose right it is, is for the worker to judge. */
  acts: z.literal(true).optional(),
});

export const boardActs = ["started", "completed", "failed", "canceled", "retried"] as const;

/** Something that happened to a task of the board. `started`, `completed`, `failed`: by a device of the worker; else of the asker. */
export const boardAct = z.strictObject({
  mesh,
  subject: id16Schema,
  number: z.int().min(2).max(limits.boardEntries),
  /** SHA-256 of the compact statement before it. */
  previous: id32Schema,
  by: id32Schema,
  iat: time,
  act: z.enum(boardActs),
  /** Of the lease under which it was done. */
  generation: z.int().min(1).max(limits.boardGenerations).optional(),
  /** SHA-256 of the sealed result. */
  result: id32Schema.optional(),
  /** Why it failed. */
  code: z
    .string()
    .max(64)
    .regex(/^[a-z_]+$/)
    .optional(),
});
