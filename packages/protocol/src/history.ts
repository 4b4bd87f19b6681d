/**
 * History that one device of a person passes to another one over a link: bodies of `history` envelopes, JSON in UTF-8. The
 * newer device asks for pages, oldest first, and answers itself with nothing.
 */
import { z } from "zod";

import { errorCodeSchema, pathSchema } from "./call.ts";
import { deliveryStates } from "./delivery-state.ts";
import { id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
const place = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const ask = z
  .int()
  .min(1)
  .max(2 ** 31);
const state = z.enum(deliveryStates);
const text = z.string().max(limits.labelCharacters * 2);
const bytes = z
  .string()
  .max(limits.envelopeBytes * 2)
  .regex(/^[A-Za-z0-9_-]*$/);

const record = z.object({
  place,
  id: z.string().min(1).max(64),
  direction: z.enum(["in", "out"]),
  peer: id32Schema,
  /** Device that sent it; absent for what the member sent itself. */
  device: id32Schema.optional(),
  epoch: z.string().length(22),
  seq: place,
  kind: z.int().min(0).max(255),
  created: time,
  expires: time.optional(),
  redelivered: z.boolean(),
  facts: z
    .array(
      z.object({
        state,
        at: time,
        path: pathSchema.optional(),
        device: id32Schema.optional(),
        code: errorCodeSchema.optional(),
        reason: text.optional(),
        via: text.optional(),
      }),
    )
    .min(1)
    .max(deliveryStates.length),
  /** Signatures by the state that they vouch for, base64url. */
  receipts: z.partialRecord(state, z.string().max(1024)),
  /** Base64url. */
  body: bytes,
});
export type HistoryRecord = z.infer<typeof record>;

export const historySchema = z.discriminatedUnion("type", [
  /** Asks for what comes after a place of the other device's own order; 0 for the beginning. */
  z.object({ type: z.literal("ask"), ask, after: place }),
  /** One page. Without `next` it was the last one. */
  z.object({
    type: z.literal("page"),
    ask,
    records: z.array(record).max(limits.pageSize),
    /** Messages of this page that are too large for it. */
    omitted: place,
    next: place.optional(),
  }),
]);
export type History = z.infer<typeof historySchema>;
