/** What door clients send: the messages of agentchat 0.3, and VERIFY_IDENTITY of its later versions. */
import { parseJson } from "@parley/protocol";
import { z } from "zod";

import { textLimits } from "./bounds.ts";
import { Refusal } from "./refusal.ts";

const agentName = z
  .string("must be a string")
  .regex(/^[A-Za-z0-9_-]{1,32}$/, "must have 1 to 32 letters, digits, '_' or '-'");
const channel = z
  .string("must be a string")
  .regex(/^#[A-Za-z0-9_-]{1,31}$/, "must be '#' and 1 to 31 letters, digits, '_' or '-'");
const target = text(textLimits.target).regex(/^[#@]./su, "must be '#channel' or '@id'");
const agent = text(textLimits.target).regex(/^@./su, "must be '@id'");
const proposalId = text(textLimits.proposalId).min(1, "must not be empty");
/** Absent or empty is the handler's business: it is SIGNATURE_REQUIRED. */
const signature = text(textLimits.signature).nullish();

function text(most: number): z.ZodString {
  return z.string("must be a string").max(most, `must have at most ${most} characters`);
}

const finite = z.number("must be a number");

const identify = z.object({
  type: z.literal("IDENTIFY"),
  name: agentName,
  pubkey: text(textLimits.pubkey).nullish(),
  token: text(textLimits.token).nullish(),
});

const verifyIdentity = z.object({
  type: z.literal("VERIFY_IDENTITY"),
  challenge_id: text(textLimits.proposalId),
  signature: text(textLimits.signature),
  timestamp: finite,
});

const message = z.object({
  type: z.literal("MSG"),
  to: target,
  content: text(textLimits.content),
  ts: finite.nullish(),
  sig: signature,
});

const proposal = z.object({
  type: z.literal("PROPOSAL"),
  to: agent,
  task: text(textLimits.task).min(1, "must not be empty"),
  amount: z.union([finite, text(textLimits.amount)], "must be a number or a short string").nullish(),
  currency: text(textLimits.currency).nullish(),
  payment_code: text(textLimits.paymentCode).nullish(),
  terms: text(textLimits.terms).nullish(),
  /** Seconds from now. */
  expires: finite.min(0, "must not be negative").max(textLimits.expires, "must be at most ten years").nullish(),
  sig: signature,
});

const clientMessageSchema = z.discriminatedUnion("type", [
  identify,
  verifyIdentity,
  message,
  proposal,
  z.object({ type: z.literal("JOIN"), channel }),
  z.object({ type: z.literal("LEAVE"), channel }),
  z.object({ type: z.literal("LIST_CHANNELS") }),
  z.object({ type: z.literal("LIST_AGENTS"), channel }),
  z.object({
    type: z.literal("CREATE_CHANNEL"),
    channel,
    invite_only: z.boolean("must be true or false").nullish(),
  }),
  z.object({ type: z.literal("INVITE"), channel, agent }),
  z.object({ type: z.literal("PING") }),
  z.object({
    type: z.literal("ACCEPT"),
    proposal_id: proposalId,
    payment_code: text(textLimits.paymentCode).nullish(),
    sig: signature,
  }),
  z.object({
    type: z.literal("REJECT"),
    proposal_id: proposalId,
    reason: text(textLimits.reason).nullish(),
    sig: signature,
  }),
  z.object({
    type: z.literal("COMPLETE"),
    proposal_id: proposalId,
    proof: text(textLimits.proof).nullish(),
    sig: signature,
  }),
  z.object({
    type: z.literal("DISPUTE"),
    proposal_id: proposalId,
    reason: text(textLimits.reason).min(1, "must not be empty"),
    sig: signature,
  }),
]);

/** A message of a door client, checked. */
export type ClientMessage = z.infer<typeof clientMessageSchema>;
export type ClientMessageType = ClientMessage["type"];
/** One kind of message. */
export type ClientMessageOf<Type extends ClientMessageType> = Extract<ClientMessage, { type: Type }>;

const known: ReadonlySet<string> = new Set(clientMessageSchema.options.map(({ shape }) => shape.type.value));

/** Reads a message. Total: throws nothing but `Refusal` with INVALID_MSG, whose text repeats nothing of what came. */
export function decodeClientMessage(json: string, maxBytes: number): ClientMessage {
  const parsed = parseJson(json, maxBytes);
  if (!parsed.ok) throw new Refusal("INVALID_MSG", `${parsed.message}.`);
  const { value } = parsed;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal("INVALID_MSG", "A message is one JSON object with a `type`.");
  const type = "type" in value ? value.type : undefined;
  if (typeof type !== "string") throw new Refusal("INVALID_MSG", "The field `type` must be a string.");
  if (!known.has(type)) throw new Refusal("INVALID_MSG", `Unknown message type. Known are ${[...known].join(", ")}.`);
  const result = clientMessageSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Refusal("INVALID_MSG", `${type}: \`${issue?.path.join(".") ?? ""}\` ${issue?.message ?? "is wrong"}.`);
}
