/** The operation by which a program holds an advisory lease as long as it listens. */
import { limits, resourceLeaseSchema, resourceNameSchema } from "@parley/protocol";
import { z } from "zod";

import { empty, operation } from "./operation-row.ts";

export const leaseEventSchema = z.object({
  type: z.literal("resource"),
  resource: z.string(),
  lease: resourceLeaseSchema.optional(),
  free: z.enum(["released", "expired", "broken"]).optional(),
});

export const leaseOperations = {
  holdLease: operation(
    "Takes an advisory lease and renews it; says so once. Cancelling, or going, gives it back; fails with `lease_lost` when it is lost.",
    z.strictObject({
      resource: resourceNameSchema,
      forMs: z.exactOptional(z.int().min(1000).max(limits.resourceLeaseMs)),
      waitMs: z.exactOptional(z.int().min(0).max(limits.expiryMs)),
      note: z.exactOptional(z.string().max(limits.labelCharacters)),
    }),
    empty,
    z.object({ lease: resourceLeaseSchema }),
  ),
} as const;
