/**
 * Advisory leases: who works on a file or another resource now, by name. The registry keeps them; nobody is hindered who does not
 * ask. Rows of the tables of `session-message.ts`.
 */
import { z } from "zod";

import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";
import { empty, everyone, members, page, request, time } from "./request-row.ts";

/** What a resource is called: any visible text, for example `file:src/main.ts`. */
export const resourceNameSchema = z
  .string()
  .min(1)
  .max(limits.resourceNameCharacters)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), "has control characters");

const life = z.int().min(1000).max(limits.resourceLeaseMs);
const note = labelSchema;
/** Grows with every taking of this name: whoever guards the resource itself refuses what comes with a smaller one. */
const generation = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** A lease that is held. */
export const resourceLeaseSchema = z.strictObject({
  resource: resourceNameSchema,
  generation,
  member: id32Schema,
  device: id32Schema,
  /** The holder's name now, by the registry's word. */
  name: z.string().max(limits.nameCharacters),
  since: time,
  until: time,
  note: note.optional(),
});
export type ResourceLease = z.infer<typeof resourceLeaseSchema>;

const lease = z.strictObject({ lease: resourceLeaseSchema });

export const resourceRequests = {
  "resource.take": request(
    members,
    "Takes the advisory lease of a resource that nobody holds; `lease_held` else. The same `claim` again gives the same lease.",
    z.strictObject({ resource: resourceNameSchema, claim: id16Schema, lifeMs: life, note: note.optional() }),
    lease,
  ),
  "resource.renew": request(
    members,
    "Makes a lease of one's own live so much longer from now on; `lease_lost` when it is not held under this generation.",
    z.strictObject({ resource: resourceNameSchema, generation, lifeMs: life }),
    lease,
  ),
  "resource.release": request(
    members,
    "Gives a lease of one's own back; `lease_lost` when it is not held, or under another generation.",
    z.strictObject({ resource: resourceNameSchema, generation: generation.optional() }),
    empty,
  ),
  "resource.break": request(
    members,
    "Takes a lease away from whoever holds it: for people and operators.",
    z.strictObject({ resource: resourceNameSchema }),
    lease,
  ),
  "resource.list": request(
    everyone,
    "Advisory leases that are held, by name.",
    z.strictObject({ prefix: resourceNameSchema.optional(), limit: page.limit, after: resourceNameSchema.optional() }),
    z.strictObject({
      leases: z.array(resourceLeaseSchema).max(limits.pageSize),
      next: resourceNameSchema.optional(),
    }),
  ),
  "resource.watch": request(
    everyone,
    "Pushes `resource.changed` of this resource to this session from now on; the longest watched one gives way.",
    z.strictObject({ resource: resourceNameSchema }),
    z.strictObject({ lease: resourceLeaseSchema.optional() }),
  ),
} as const;

export const resourcePushes = {
  "resource.changed": {
    says: "A watched resource was taken or is free; to the holder, when a person broke its lease.",
    body: z.strictObject({
      resource: resourceNameSchema,
      lease: resourceLeaseSchema.optional(),
      /** Why it is free. */
      free: z.enum(["released", "expired", "broken"]).optional(),
    }),
  },
} as const;
