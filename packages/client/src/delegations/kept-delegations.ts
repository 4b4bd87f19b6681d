/** Delegations as a device keeps them on disk: those that it gave, and the newest list of those that were taken back. */
import { compactSchema, id32Schema, limits } from "@parley/protocol";
import { z } from "zod";

/** One delegation that this device gave, by its id. */
export const keptDelegationSchema = z.object({
  to: id32Schema,
  name: z.string().max(limits.labelCharacters),
  skills: z.array(z.string()),
  expires: z.number(),
  withdrawn: z.boolean(),
});
export type KeptDelegation = z.infer<typeof keptDelegationSchema>;

/** The list that this device signed last, by the member's id. */
export const keptWithdrawalsSchema = z.object({
  withdrawals: compactSchema,
  /** The root key that signed it. */
  rootKey: z.string(),
});
export type KeptWithdrawals = z.infer<typeof keptWithdrawalsSchema>;
