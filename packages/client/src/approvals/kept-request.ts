/** What waits for a person's word, as it is kept on disk. */
import { approvalActionSchema, compactSchema, id32Schema, limits } from "@parley/protocol";
import { z } from "zod";

/** One request, as it is kept on disk. */
export const keptRequestSchema = z.object({
  what: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("action"),
      action: approvalActionSchema,
      digest: id32Schema,
      quorum: z.int().min(1).max(limits.approvalQuorum),
      rule: z.object({ policy: z.number(), rule: z.number() }).optional(),
    }),
    z.object({ type: z.literal("question"), task: z.string(), skill: z.string(), text: z.string(), of: id32Schema }),
  ]),
  expires: z.number(),
  /** Members that were asked. */
  asked: z.array(id32Schema).max(limits.approvers),
  /** Members that said yes, and their statements. */
  granted: z.array(z.object({ by: id32Schema, statement: compactSchema })).max(limits.approvers),
  /** It was answered with no while nobody waited for it, as in a start of which the work is not begun again yet. */
  denied: z.literal(true).optional(),
});
export type KeptRequest = z.infer<typeof keptRequestSchema>;
