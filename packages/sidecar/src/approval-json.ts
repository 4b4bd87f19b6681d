/** The JSON of approvals, in the shapes of the device's own surface. */
import { approvalActionSchema, approvalEnds, policyRuleSchema } from "@parley/protocol";
import { z } from "zod";

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);

export const askedApprovalSchema = z.object({
  request: z.string(),
  from: z.object({ member: z.string(), name: z.string() }),
  at: z.number(),
  expires: z.number(),
  what: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("action"),
      action: approvalActionSchema,
      digest: z.string(),
      quorum: z.number(),
      rule: maybe(z.object({ policy: z.number(), rule: z.number(), says: maybe(policyRuleSchema) })),
    }),
    z.object({ type: z.literal("question"), skill: z.string(), task: z.string(), text: z.string() }),
  ]),
});

export const standingViewSchema = z.object({
  id: z.string(),
  way: z.enum(["held", "given"]),
  by: z.string(),
  callee: z.string(),
  skill: z.string(),
  caller: maybe(z.string()),
  uses: z.number(),
  left: maybe(z.number()),
  expires: z.number(),
});

export const approvalEventSchemas = [
  z.object({ type: z.literal("approval-asked"), asked: askedApprovalSchema }),
  z.object({ type: z.literal("approval-closed"), request: z.string(), state: z.enum(approvalEnds) }),
] as const;
