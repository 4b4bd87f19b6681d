/** The operations on who may act for this member. */
import { compactSchema, id16Schema, limits } from "@parley/protocol";
import { z } from "zod";

import { empty, none, operation, who } from "./operation-row.ts";

export const chainSchema = z.array(compactSchema).min(1).max(limits.delegationChain);
export const delegationTermsSchema = z.strictObject({
  skills: z
    .array(
      z
        .string()
        .min(1)
        .max(limits.skillCharacters + 1),
    )
    .min(1)
    .max(limits.policySubjects),
  lifeMs: z.exactOptional(z.int().min(1).max(limits.delegationLifeMs)),
});

export const delegationOperations = {
  giveDelegation: operation(
    "Lets another member act for this one; answers the chain to hand over.",
    z.strictObject({ to: who, terms: delegationTermsSchema, chain: z.exactOptional(chainSchema) }),
    z.object({ chain: z.array(z.string()) }),
    none,
  ),
  delegations: operation(
    "Delegations that this device gave and that have not ended.",
    empty,
    z.object({
      given: z.array(
        z.object({
          id: z.string(),
          to: z.string(),
          name: z.string(),
          skills: z.array(z.string()),
          expires: z.number(),
          withdrawn: z.boolean(),
        }),
      ),
    }),
    none,
  ),
  withdrawDelegation: operation("Takes a delegation back.", z.strictObject({ id: id16Schema }), empty, none),
} as const;
