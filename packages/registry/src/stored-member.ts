import { memberRecordSchema } from "@parley/protocol";
import { z } from "zod";

/** A `member/` record. A revoked member stays, so that its number can never be used again. */
export const storedMemberSchema = z.object({
  record: memberRecordSchema,
  revoked: z.object({ at: z.int().min(0), list: z.int().min(1) }).optional(),
});
export type StoredMember = z.infer<typeof storedMemberSchema>;
