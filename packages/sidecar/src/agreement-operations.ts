/** The operations on agreements with other members. */
import { agreementActSchema, agreementTermsSchema, limits, skillIdSchema } from "@parley/protocol";
import { z } from "zod";

import { agreementSummarySchema, agreementViewSchema, offerViewSchema } from "./agreement-json.ts";
import { empty, none, operation, who } from "./operation-row.ts";

/** An agreement's id, or the beginning of it. */
const reference = z.string().min(1).max(64);
const lifeMs = z.exactOptional(z.int().min(1).max(limits.agreementWaitMs));

/** A proposal is none of what comes next: the table of acts refuses it. */
const next = z.union([
  z.strictObject({ type: z.literal("counter"), terms: agreementTermsSchema, lifeMs }),
  agreementActSchema,
]);

export const agreementOperations = {
  proposeAgreement: operation(
    "Proposes an agreement to a member; without one it is an open offer.",
    z.strictObject({
      to: z.exactOptional(who),
      terms: agreementTermsSchema,
      lifeMs,
      worksMyself: z.exactOptional(z.boolean()),
      arbiter: z.exactOptional(who),
    }),
    agreementViewSchema,
    none,
  ),
  actOnAgreement: operation(
    "Does what comes next in an agreement.",
    z.strictObject({ agreement: reference, next }),
    agreementViewSchema,
    none,
  ),
  agreements: operation(
    "Agreements of this member, the newest first.",
    empty,
    z.object({ agreements: z.array(agreementSummarySchema) }),
    none,
  ),
  agreement: operation(
    "One agreement with its acts.",
    z.strictObject({ agreement: reference }),
    agreementViewSchema,
    none,
  ),
  exportAgreement: operation(
    "All acts of an agreement as one file that verifies offline.",
    z.strictObject({ agreement: reference }),
    z.object({ file: z.string() }),
    none,
  ),
  offers: operation(
    "Open offers, the newest first.",
    z.strictObject({
      skill: z.exactOptional(skillIdSchema),
      limit: z.exactOptional(z.int().min(1).max(limits.pageSize)),
      after: z.exactOptional(z.string().max(128)),
    }),
    z.object({
      offers: z.array(offerViewSchema),
      next: z
        .string()
        .optional()
        .transform((value) => value),
    }),
    none,
  ),
  takeOffer: operation("Takes an open offer.", z.strictObject({ agreement: reference }), agreementViewSchema, none),
} as const;
