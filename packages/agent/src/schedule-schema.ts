/** `schedule` of agent.yaml: what an agent does by itself, every so often or by a calendar. */
import { limits, skillIdSchema } from "@parley/protocol";
import { Cron } from "croner";
import { z } from "zod";

import { durationMs } from "./duration.ts";

/** Entries of one manifest. */
const maxEntries = 32;
const leastMs = 1000;
const mostMs = limits.expiryMs;

const every = z.union([z.number(), z.string()]).transform((value, context) => {
  const ms = typeof value === "number" ? value * 1000 : durationMs(value);
  if (ms !== undefined && ms >= leastMs && ms <= mostMs) return Math.round(ms);
  context.addIssue({ code: "custom", message: "is not a time such as 90s, 15m or 1d, from 1s to 30d" });
  return z.NEVER;
});

const entry = z
  .strictObject({
    /** So often. */
    every: every.optional(),
    /** Minute, hour, day of the month, month, day of the week. */
    cron: z.string().max(128).optional(),
    /** For `cron`: `Europe/Berlin`; the machine's by default. */
    timezone: z.string().max(64).optional(),
    skill: z.string().refine((text) => skillIdSchema.safeParse(text).success, "is not a skill's id"),
    input: z.json().optional(),
    /** Words for the skill, of an agent with a model for one. */
    prompt: z.string().min(1).max(limits.envelopeBytes).optional(),
  })
  .superRefine((value, context) => {
    if ((value.every === undefined) === (value.cron === undefined))
      return context.addIssue({ code: "custom", message: "has either every or cron" });
    if (value.cron === undefined) return;
    try {
      nextOf(value, 0);
    } catch (error) {
      const words = error instanceof Error ? error.message : "is not valid";
      context.addIssue({ code: "custom", path: ["cron"], message: `cannot be read: ${words}`.slice(0, 200) });
    }
  });

export const scheduleSchema = z.array(entry).max(maxEntries).default([]);
export type ScheduleEntry = z.infer<typeof entry>;

/** When it is due next after `now`; undefined for a calendar that never comes again. Milliseconds since 1970. */
export function nextOf(
  { every: everyMs, cron, timezone }: Pick<ScheduleEntry, "every" | "cron" | "timezone">,
  now: number,
): number | undefined {
  if (everyMs !== undefined) return now + everyMs;
  const calendar = new Cron(cron ?? "", {
    paused: true,
    mode: "5-part",
    ...(timezone === undefined ? {} : { timezone }),
  });
  return calendar.nextRun(new Date(now))?.getTime();
}
