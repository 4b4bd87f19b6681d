/**
 * Timelines: chains of statements about one thing, a task or an agreement, each signed by a device of a member and naming the one
 * before it by its hash. Every kind has a statement of its own, so that what was signed for one is never taken for another.
 */
import { z } from "zod";

import { id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";
import { taskStates } from "./task.ts";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);

/** Names what a timeline is about: the id of a task or an agreement. */
export const timelineSubjectSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9_.:-]+$/, "is not an id");

/** What each entry of a timeline says besides its act. */
export const timelineFields = {
  mesh: id32Schema,
  subject: timelineSubjectSchema,
  /** From 1. */
  number: z.int().min(1).max(limits.timelineEntries),
  /** SHA-256 of the compact entry before it; absent in the first. */
  previous: id32Schema.optional(),
  /** Member whose device signs. */
  by: id32Schema,
  iat: time,
};

/** SHA-256 of the canonical JSON (RFC 8785) of what an entry is about, which the timeline itself does not carry. */
const digest = id32Schema;
const contextId = z.string().min(1).max(128);

/** What happens to a task. Said by a device of the member that works on it; `submitted` may be said by whoever asked. */
export const taskActSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("submitted"),
    /** Member that asked. */
    caller: id32Schema,
    skill: skillIdSchema,
    /** Of the message as it came. */
    digest,
    context: contextId.optional(),
    /** Milliseconds since 1970. */
    deadline: time.optional(),
  }),
  z.strictObject({
    type: z.literal("state"),
    state: z.enum(taskStates),
    /** Of the status as it was told. */
    digest: digest.optional(),
    /** Error code of a task that failed. */
    code: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[a-z0-9_]+$/)
      .optional(),
    /** When it happened; entries may be signed later. */
    at: time,
  }),
  z.strictObject({ type: z.literal("artifact"), artifact: z.string().min(1).max(128), digest, at: time }),
  z.strictObject({ type: z.literal("input"), message: z.string().min(1).max(128), digest, at: time }),
  /** Yeses by which it was begun: the id of what was asked, and SHA-256 of each approval. */
  z.strictObject({
    type: z.literal("approval"),
    request: z.string().min(1).max(128),
    grants: z.array(digest).max(limits.approvalQuorum),
    at: time,
  }),
  z.strictObject({ type: z.literal("resumed"), at: time }),
  /** So many things that happened are not told one by one. */
  z.strictObject({ type: z.literal("omitted"), count: z.int().min(1), at: time }),
]);
export type TaskAct = z.infer<typeof taskActSchema>;

/** An entry of a task's timeline. Signed by a device of `by`. */
export const taskEntryStatement = z.strictObject({ ...timelineFields, act: taskActSchema });
