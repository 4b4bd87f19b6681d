/** The JSON of what guards hold back. */
import { memberKindSchema } from "@parley/protocol";
import { z } from "zod";

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);

export const attentionModeSchema = z.enum(["open", "mentions", "do-not-disturb"]);

export const attentionSchema = z.object({ mode: maybe(attentionModeSchema), until: maybe(z.number()) });

export const loopSchema = z.object({
  conversation: z.string().min(2).max(128),
  name: z.string().max(64),
  since: z.number(),
  quietMs: z.number(),
  reason: z.enum(["repeats", "acknowledges", "no-news"]),
});

/** Somebody who came through an edge. */
export const clientSchema = z.object({
  id: z.string().min(1).max(128),
  name: z.string().max(64),
  edge: z.string().max(64),
  standing: z.enum(["proven", "unproven", "keyless"]),
});

export const heldClientSchema = clientSchema.extend({ at: z.number(), times: z.int().min(1) });

export const standingSchema = z.object({
  kind: memberKindSchema,
  roles: z.array(z.string()),
  trust: z.enum(["operator", "contact", "member", "guest", "edge"]),
  verified: z.boolean(),
  waits: z.boolean(),
  isBlocked: z.boolean(),
  tags: z.array(z.string()),
});

export const guardEventSchemas = [
  z.object({ type: z.literal("attention"), mode: maybe(attentionModeSchema), until: maybe(z.number()) }),
  z.object({ type: z.literal("loop"), state: z.enum(["stopped", "resumed"]), loop: loopSchema }),
  z.object({ type: z.literal("held"), client: heldClientSchema }),
] as const;
