/**
 * Agreements: two members settle what is to be done, for what and until when, and say how it went. Each act is an entry of the
 * agreement's timeline. No money moves here: a price and a payment reference are what the parties say.
 */
import { z } from "zod";

import { id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";
import { timelineFields } from "./timeline.ts";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
/** Without control characters but line feed and tab, and without bidirectional formatting (Unicode TR36). */
const text = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .refine((value) => !/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value), "has control characters");
const line = (most: number) => text(most).refine((value) => !/[\n\t]/.test(value), "has more than one line");

/** An amount of money in its one spelling: no sign, no leading zeros, no zeros at the end of a fraction. */
const amountSchema = z
  .string()
  .max(limits.priceCharacters)
  .regex(/^(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/, "is not an amount such as 12 or 0.5");

/** What something costs. The currency is what the parties call it: `EUR`, `USDC`, `credits`. */
export const priceSchema = z.strictObject({
  amount: amountSchema,
  currency: z
    .string()
    .min(1)
    .max(limits.currencyCharacters)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "is not the name of a currency"),
});
export type Price = z.infer<typeof priceSchema>;

/** Something that shows how the work went, by its hash: who has it can show that it is the same. */
export const evidenceSchema = z.strictObject({
  /** SHA-256 of its bytes. */
  digest: id32Schema,
  label: line(limits.labelCharacters).optional(),
  /** Where it can be had. */
  url: line(limits.referenceCharacters).optional(),
});
export type Evidence = z.infer<typeof evidenceSchema>;

const evidence = z.array(evidenceSchema).min(1).max(limits.agreementEvidence);
/** Milliseconds that a party is given for something. */
const wait = z.int().min(1).max(limits.agreementWaitMs);

/** What is to be done, and for what. A counter-offer replaces all of it. */
export const agreementTermsSchema = z.strictObject({
  task: text(limits.agreementTextCharacters),
  /** The skill by which it is done, where it is one. */
  skill: skillIdSchema.optional(),
  price: priceSchema.optional(),
  /** How it is paid: an address, an invoice number, a code. Means nothing to Parley. */
  payment: line(limits.referenceCharacters).optional(),
  conditions: text(limits.agreementTextCharacters).optional(),
  /** Until when it has to be delivered, milliseconds since 1970. Without it, the longest wait after the acceptance. */
  deadline: time.optional(),
  /** How long who asked may look at what was delivered. Default: seven days. */
  review: wait.optional(),
  /** How long a dispute may last. Default: seven days. */
  settle: wait.optional(),
});
export type AgreementTerms = z.infer<typeof agreementTermsSchema>;

const reason = text(limits.agreementTextCharacters);

/** For whom a dispute ends: the work is to be paid, is not, or in part. */
export const outcomeSchema = z.discriminatedUnion("for", [
  z.strictObject({ for: z.literal("worker") }),
  z.strictObject({ for: z.literal("asker") }),
  z.strictObject({ for: z.literal("both"), price: priceSchema }),
]);
export type AgreementOutcome = z.infer<typeof outcomeSchema>;

export const agreementActSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("propose"),
    /** Absent in an open offer, which anybody with the skill may take. */
    to: id32Schema.optional(),
    /** Which of the two does the work. An open offer is worked on by who takes it. */
    worker: z.enum(["proposer", "recipient"]),
    arbiter: id32Schema.optional(),
    terms: agreementTermsSchema,
    /** Until when it can be accepted, milliseconds since 1970. */
    until: time,
  }),
  z.strictObject({ type: z.literal("counter"), terms: agreementTermsSchema, until: time }),
  z.strictObject({ type: z.literal("accept") }),
  z.strictObject({ type: z.literal("reject"), reason: reason.optional() }),
  z.strictObject({ type: z.literal("withdraw"), reason: reason.optional() }),
  z.strictObject({ type: z.literal("deliver"), note: reason.optional(), evidence: evidence.optional() }),
  z.strictObject({
    type: z.literal("accept-work"),
    note: reason.optional(),
    /** By what it was paid. */
    payment: line(limits.referenceCharacters).optional(),
  }),
  z.strictObject({ type: z.literal("dispute"), reason, evidence: evidence.optional() }),
  z.strictObject({
    type: z.literal("resolve"),
    outcome: outcomeSchema,
    note: reason.optional(),
    evidence: evidence.optional(),
  }),
  z.strictObject({ type: z.literal("expire") }),
]);
export type AgreementAct = z.infer<typeof agreementActSchema>;
export type AgreementActType = AgreementAct["type"];

/** An act of an agreement. Signed by a device of `by`. */
export const agreementStatement = z.strictObject({ ...timelineFields, act: agreementActSchema });
