/** What a device is to do later: kept on its disk, done when due by whichever process holds it then. */
import { callStepSchema, limits, skillIdSchema } from "@parley/protocol";
import { z } from "zod";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);

/** A message to send, or a skill of the agent to run. */
export const scheduledActSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("send"), to: z.string().min(1).max(64), text: z.string().min(1) }),
  z.strictObject({
    kind: z.literal("skill"),
    skill: skillIdSchema,
    input: z.json().optional(),
    text: z.string().optional(),
    /** How many messages or calls of agents led to it, and through which skills: a pause makes it no shorter. */
    hops: z.int().min(0).max(limits.hops),
    through: z.array(callStepSchema).max(limits.hops),
  }),
]);
export type ScheduledAct = z.infer<typeof scheduledActSchema>;

export const scheduledSchema = z.strictObject({
  id: z.string().min(1).max(100),
  /** Milliseconds since 1970. */
  at: time,
  made: time,
  act: scheduledActSchema,
  /** Why it cannot be done: it stays until it is cancelled. */
  failed: z.strictObject({ code: z.string(), message: z.string() }).optional(),
});
export type Scheduled = z.infer<typeof scheduledSchema>;

/** Things that one device keeps for later. */
export const mostScheduled = 1024;

export interface ScheduleApi {
  /** Durable when resolved. With an `id` it takes the place of what had it. Throws `limit_reached`, `too_large`. */
  add(at: number, act: ScheduledAct, id?: string): Promise<Scheduled>;
  /** The next first. */
  list(): Promise<readonly Scheduled[]>;
  /** Throws `not_found`. */
  cancel(id: string): Promise<void>;
  /** Runs skills that are due, each once; without a handler they wait. Only in the process that holds the device. */
  serve(run: (due: Scheduled) => Promise<void>): () => void;
}
