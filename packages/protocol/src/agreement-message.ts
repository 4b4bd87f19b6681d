/**
 * How the acts of an agreement travel: sealed, as bodies of `agreement` envelopes, to those who have a part in it. The registry is told
 * the hash of each act first, and gives each number once: so all see the same order, and it learns who and when, not what. Only an open
 * offer is there for everybody to read.
 */
import { z } from "zod";

import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";
import { everyone, page, request, time, writers } from "./request-row.ts";
import { compactSchema } from "./statement.ts";

/** All acts so far, the first one first: whoever lacks some has them now. */
export const agreementBodySchema = z.strictObject({
  agreement: id16Schema,
  acts: z.array(compactSchema).min(1).max(limits.agreementActs),
});
export type AgreementBody = z.infer<typeof agreementBodySchema>;

const number = z.int().min(1).max(limits.agreementActs);

/** The order of an agreement's acts, as the registry gave it. */
export const agreementHeadsSchema = z.strictObject({
  members: z.array(id32Schema).min(1).max(3),
  heads: z
    .array(
      z.strictObject({
        /** SHA-256 of the compact act. */
        hash: id32Schema,
        by: id32Schema,
        /** When it came, by the registry's clock. */
        at: time,
      }),
    )
    .max(limits.agreementActs),
});
export type AgreementHeads = z.infer<typeof agreementHeadsSchema>;

export const openOfferSchema = z.strictObject({
  agreement: id16Schema,
  /** The first act of the agreement, signed by who offers. */
  offer: compactSchema,
  /** When it came, by the registry's clock. */
  at: time,
});
export type OpenOffer = z.infer<typeof openOfferSchema>;

export const agreementRequests = {
  "agreement.advance": request(
    writers,
    "Gives the next act of an agreement its number, by its hash; the same again changes nothing. With `members` an agreement begins, with `offer` as an open one.",
    z.strictObject({
      agreement: id16Schema,
      number,
      /** Hash of the act before; absent for the first. */
      previous: id32Schema.optional(),
      hash: id32Schema,
      /** Who has a part in it, with the first act; the caller is one of them. */
      members: z.array(id32Schema).min(1).max(3).optional(),
      /** The first act itself, where anybody with the skill may take the offer. */
      offer: compactSchema.optional(),
      /** Until when the next act is waited for; absent for the last. */
      until: time.optional(),
    }),
    agreementHeadsSchema,
  ),
  "agreement.heads": request(
    everyone,
    "The order of an agreement's acts, for those who have a part in it.",
    z.strictObject({ agreement: id16Schema }),
    agreementHeadsSchema,
  ),
  "agreement.offers": request(
    everyone,
    "Open offers, of one skill or of all, the newest first; or the one of an agreement.",
    z.strictObject({ skill: skillIdSchema.optional(), agreement: id16Schema.optional(), ...page }),
    z.strictObject({ offers: z.array(openOfferSchema).max(limits.pageSize), next: z.string().max(128).optional() }),
  ),
} as const;
