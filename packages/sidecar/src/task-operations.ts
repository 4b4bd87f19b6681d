/** The operations on direct tasks. */
import { errorCodeSchema, taskSchema, taskStates } from "@parley/protocol";
import { z } from "zod";

import { senderSchema, taskEndSchema, taskEventSchema } from "./operation-json.ts";
import { empty, none, operation } from "./operation-row.ts";

const task = z.string().min(1).max(128);
const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);

export const taskViewSchema = z.object({
  id: task,
  role: z.enum(["asked", "worked"]),
  member: z.string(),
  name: z.string(),
  device: maybe(z.string()),
  skill: z.string(),
  contextId: maybe(z.string()),
  state: z.enum(taskStates),
  began: z.number(),
  deadline: maybe(z.number()),
  ended: maybe(z.number()),
  last: z.int().min(0),
  code: maybe(errorCodeSchema),
});

export const taskOperations = {
  tasks: operation(
    "Direct tasks that this device asked for and that take longer than a moment, and those that it works on.",
    empty,
    z.object({ tasks: z.array(taskViewSchema) }),
    none,
  ),
  followTask: operation(
    "Follows a task that was asked for, from a number on: `to` first, then its events. Cancelling stops following, not the task.",
    z.strictObject({ task, after: z.exactOptional(z.int().min(0)) }),
    taskEndSchema,
    z.union([z.object({ to: senderSchema }), z.object({ task: taskEventSchema })]),
  ),
  getTask: operation("A task as its agent holds it.", z.strictObject({ task }), z.object({ task: taskSchema }), none),
  cancelTask: operation(
    "Asks the agent to stop a task, or stops the own work.",
    z.strictObject({ task }),
    z.object({ task: taskSchema }),
    none,
  ),
  exportTask: operation(
    "The signed timeline of a task, as the text of a file.",
    z.strictObject({ task }),
    z.object({ file: z.string() }),
    none,
  ),
} as const;
