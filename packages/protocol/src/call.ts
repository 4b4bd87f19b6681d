/**
 * The A2A binding over envelopes: bodies of `call` and `callEvent` envelopes, JSON in UTF-8. A call has a number,
 * chosen by the caller, that its events carry; a call ends with `end` or `error`.
 */
import { z } from "zod";

import { errorTable, type ErrorCode } from "./errors.ts";
import { id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";
import { compactSchema } from "./statement.ts";
import { sendMessageRequestSchema, streamResponseSchema, taskSchema } from "./task.ts";

const call = z
  .int()
  .min(1)
  .max(2 ** 40);
/** How frames reach the other side. */
export const pathSchema = z.enum(["direct", "turn", "relay", "mailbox"]);
export type Path = z.infer<typeof pathSchema>;

const taskId = z.string().min(1).max(128);
/** The number of an event of a task, from 1. Those of a later start of the agent begin at `taskStartNumbers` times the starts before. */
const eventNumber = z.int().min(1);
export const taskStartNumbers = 1_000_000_000;

/** A skill at work, of a member, that asked for another one. */
export const callStepSchema = z.object({ member: id32Schema, skill: skillIdSchema });
export type CallStep = z.infer<typeof callStepSchema>;

/** Starts work. Streams of events are the only form: a caller that wants one answer folds them. */
const sendStreamingMessage = z.object({
  call,
  method: z.literal("SendStreamingMessage"),
  /** Skill that the message is for. */
  skill: skillIdSchema,
  /** Paths that the caller allows for the events; all when absent. */
  paths: z.array(pathSchema).min(1).max(4).optional(),
  /** `delegation` statements by which the caller acts for another member, the principal's first. */
  chain: z.array(compactSchema).min(1).max(limits.delegationChain).optional(),
  /** Where a sub-agent calls: its `acting` statement. */
  acting: compactSchema.optional(),
  /** `delegation` statements by which the callee may act further for the caller, or for whom that one acts. */
  mandate: z.array(compactSchema).min(1).max(limits.delegationChain).optional(),
  /** Milliseconds that the caller is ready to wait. */
  timeLimitMs: z.int().min(1).max(limits.taskMs).optional(),
  /** The skills at work for which this one is asked, outermost first: a call never comes back to one of them. */
  through: z.array(callStepSchema).min(1).max(limits.hops).optional(),
  params: sendMessageRequestSchema,
});
const getTask = z.object({ call, method: z.literal("GetTask"), params: z.object({ id: taskId }) });
const cancelTask = z.object({ call, method: z.literal("CancelTask"), params: z.object({ id: taskId }) });
const subscribeToTask = z.object({
  call,
  method: z.literal("SubscribeToTask"),
  /** As of the call that began it. */
  paths: z.array(pathSchema).min(1).max(4).optional(),
  params: z
    .object({
      id: taskId.optional(),
      /** In place of the id: the message that began it, where the answer to that never came. */
      messageId: taskId.optional(),
      /** The last event that the caller has: what came after it is told again. Without it, from now on. */
      after: z.int().min(0).optional(),
    })
    .refine(({ id, messageId }) => (id === undefined) !== (messageId === undefined), "needs one of id, messageId"),
});
const getTaskTimeline = z.object({ call, method: z.literal("GetTaskTimeline"), params: z.object({ id: taskId }) });

export const callSchema = z.discriminatedUnion("method", [
  sendStreamingMessage,
  getTask,
  cancelTask,
  subscribeToTask,
  getTaskTimeline,
]);
export type Call = z.infer<typeof callSchema>;

/** The code of an error on the wire. */
export const errorCodeSchema = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);

export const wireErrorSchema = z.object({
  code: errorCodeSchema,
  message: z.string().max(limits.errorCharacters),
  data: z.record(z.string().max(64), z.json()).optional(),
});
export type WireError = z.infer<typeof wireErrorSchema>;

/** An `event` of a stream, which may be its `end` too, a `task` or `timeline` that a call asked for, or an `error`. */
export const callEventSchema = z.object({
  call,
  event: streamResponseSchema.optional(),
  /** Of the event, or of the newest one that a whole task in it includes; missing where more of that task follows. */
  number: eventNumber.optional(),
  /** With a whole task: what came after that number is not told one by one, because it is not remembered. */
  gap: z.object({ after: z.int().min(0) }).optional(),
  task: taskSchema.optional(),
  /** The signed timeline of a task, as it stands. */
  timeline: z.array(compactSchema).max(limits.taskTimelineEntries).optional(),
  end: z.literal(true).optional(),
  error: wireErrorSchema.optional(),
});
export type CallEvent = z.infer<typeof callEventSchema>;
