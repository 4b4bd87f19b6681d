/** The operations on what waits for this member's word. */
import { id16Schema, limits } from "@parley/protocol";
import { z } from "zod";

import { askedApprovalSchema, standingViewSchema } from "./approval-json.ts";
import { empty, none, operation } from "./operation-row.ts";

export const approvalOperations = {
  approvals: operation(
    "What waits for this member's word.",
    empty,
    z.object({ asked: z.array(askedApprovalSchema) }),
    none,
  ),
  answerApprovals: operation(
    "Says yes or no to all of these at once.",
    z.strictObject({
      requests: z.array(id16Schema).min(1).max(limits.approvalDigests),
      decision: z.enum(["granted", "denied"]),
      standing: z.exactOptional(
        z.strictObject({
          uses: z.int().min(1).max(limits.standingUses),
          lifeMs: z.int().min(1).max(limits.expiryMs),
          sameCaller: z.exactOptional(z.boolean()),
        }),
      ),
    }),
    empty,
    none,
  ),
  standingApprovals: operation(
    "What was approved for calls to come: held by this agent, or given by this member.",
    empty,
    z.object({ standing: z.array(standingViewSchema) }),
    none,
  ),
  endStanding: operation("Ends a standing approval.", z.strictObject({ id: id16Schema }), empty, none),
  replyToQuestion: operation(
    "Answers a question that an agent asks in the course of a task.",
    z.strictObject({ request: id16Schema, text: z.string().min(1).max(limits.approvalTextCharacters) }),
    empty,
    none,
  ),
  replyToTask: operation(
    "Answers what the agent of a task asks its caller.",
    z.strictObject({ task: z.string().min(1).max(128), text: z.string().min(1).max(limits.envelopeBytes) }),
    empty,
    none,
  ),
} as const;
