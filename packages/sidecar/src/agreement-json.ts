/** The JSON of agreements, in the shapes of the device's own surface. */
import { agreementStates } from "@parley/core";
import {
  agreementActSchema,
  type AgreementActType,
  agreementTermsSchema,
  evidenceSchema,
  outcomeSchema,
} from "@parley/protocol";
import { z } from "zod";

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);

const actTypes = agreementActSchema.options.map(({ shape }) => shape.type.value) as [
  AgreementActType,
  ...AgreementActType[],
];

const state = z.enum(agreementStates);

const summaryShape = {
  agreement: z.string(),
  state,
  proposer: z.string(),
  recipient: maybe(z.string()),
  asker: maybe(z.string()),
  worker: maybe(z.string()),
  arbiter: maybe(z.string()),
  terms: agreementTermsSchema,
  proposedBy: z.string(),
  number: z.number(),
  begun: z.number(),
  changed: z.number(),
  until: maybe(z.number()),
  expiredIn: maybe(state),
  evidence: z.array(evidenceSchema).readonly(),
  outcome: maybe(outcomeSchema),
  offered: z.record(z.string(), outcomeSchema),
  names: z.record(z.string(), z.string()),
  mayDo: z.array(z.enum(actTypes)).readonly(),
  pending: maybe(z.enum(actTypes)),
};

export const agreementSummarySchema = z.object(summaryShape);

export const agreementActViewSchema = z.object({
  number: z.number(),
  by: z.string(),
  name: maybe(z.string()),
  at: z.number(),
  act: agreementActSchema,
  statement: z.string(),
  hash: z.string(),
});

export const agreementViewSchema = z.object({ ...summaryShape, acts: z.array(agreementActViewSchema).readonly() });

export const offerViewSchema = z.object({
  agreement: z.string(),
  by: z.string(),
  name: z.string(),
  skill: z.string(),
  terms: agreementTermsSchema,
  arbiter: maybe(z.string()),
  at: z.number(),
  until: z.number(),
});

export const agreementEventSchema = z.object({
  type: z.literal("agreement"),
  agreement: agreementSummarySchema,
  act: agreementActViewSchema,
});
