/** The operations on what a device is to do later. */
import { scheduledActSchema, scheduledSchema } from "@parley/client";
import { z } from "zod";

import { empty, none, operation } from "./operation-row.ts";

const id = z.string().min(1).max(100);

export const scheduleOperations = {
  schedule: operation(
    "Keeps a message or a skill for later: done at that time by whichever process holds the device.",
    z.strictObject({ at: z.int().min(0), act: scheduledActSchema, id: z.exactOptional(id) }),
    z.object({ scheduled: scheduledSchema }),
    none,
  ),
  scheduled: operation(
    "What is kept for later, the next first.",
    empty,
    z.object({ scheduled: z.array(scheduledSchema) }),
    none,
  ),
  cancelScheduled: operation("Forgets what was kept for later.", z.strictObject({ id }), empty, none),
} as const;
