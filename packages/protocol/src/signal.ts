/** Bodies of `signal`, `ping` and `gossip` envelopes: JSON in UTF-8. */
import { z } from "zod";

import { id16Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { compactSchema } from "./statement.ts";

/**
 * One step of dialling a link. `dial` names the attempt; `from` and `to` are the boot nonces of both starts, so that an
 * old offer is worth nothing.
 */
export const signalSchema = z.strictObject({
  dial: id16Schema,
  from: id16Schema,
  to: id16Schema,
  signal: z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("offer"), sdp: z.string().min(1).max(limits.sdpBytes) }),
    z.strictObject({ type: z.literal("answer"), sdp: z.string().min(1).max(limits.sdpBytes) }),
    z.strictObject({
      type: z.literal("candidate"),
      candidate: z.string().max(limits.candidateBytes),
      mid: z.string().max(32),
    }),
    z.strictObject({ type: z.literal("bye"), reason: z.string().max(64) }),
  ]),
});
export type Signal = z.infer<typeof signalSchema>;

/** News that peers pass on over links: signed by operators, or by the member that passes it on. */
export const gossipSchema = z.strictObject({
  revocations: compactSchema.optional(),
  policy: compactSchema.optional(),
  restrictions: compactSchema.optional(),
  /** The operator set that follows the one the other side holds. */
  operators: compactSchema.optional(),
  /** The sender's own newest device list. */
  devices: compactSchema.optional(),
  /** What a member took back of its delegations: the sender, or one by whose delegation the sender calls. */
  withdrawals: compactSchema.optional(),
});
export type Gossip = z.infer<typeof gossipSchema>;
