/**
 * Control messages of a session between a device and its registry node: JSON text on the WebSocket, one table. From it
 * come the types, the decoder, the JSON Schema and the tables of docs/protocol.md and of who may send what.
 *
 * A request has an `id` that its reply carries as `re`. A push has neither. Closed objects: an unknown field is an
 * error, so that both sides notice a difference of versions at once.
 */
import { z } from "zod";

import { agreementRequests } from "./agreement-message.ts";
import { auditPushes, auditRequests } from "./audit-message.ts";
import { boardPushes, boardRequests } from "./board-message.ts";
import { errorCodeSchema, wireErrorSchema } from "./call.ts";
import { channelPushes, channelRequests } from "./channel-message.ts";
import { credentialRequests } from "./credential-message.ts";
import { enrolmentAnswerSchema, enrolmentAskSchema } from "./enrolment.ts";
import { id16Schema, id32Schema } from "./ids.ts";
import { parseJson } from "./json.ts";
import { limits } from "./limits.ts";
import { labelSchema, nameSchema, skillIdSchema } from "./names.ts";
import { adminsOnly, empty, everyone, members, offset, operatorsOnly, page, request, time } from "./request-row.ts";
import { resourcePushes, resourceRequests } from "./resource-lease.ts";
import { decoded, type Decoded, undecodable } from "./result.ts";
import {
  compactSchema,
  grantedRoleSchema,
  memberKindSchema,
  memberRecordSchema,
  operatorChainSchema,
  operatorListSchema,
} from "./statement.ts";

/** A device's presence, from its node's lease. */
export const devicePresenceSchema = z.strictObject({
  device: id32Schema,
  state: z.enum(["connected", "stale", "offline"]),
  boot: id16Schema,
  since: time,
  /** Tasks at work, for choosing the least loaded. */
  load: z.int().min(0).max(1_000_000),
  /** Whether a consumer reads messages there. */
  consumer: z.enum(["reading", "idle"]),
  /** Generation of the inbox lease, on the one instance of an agent that holds it: durable messages go there. */
  inbox: z.int().min(1).optional(),
});
export type DevicePresence = z.infer<typeof devicePresenceSchema>;

export const availabilitySchema = z.enum(["available", "away", "do-not-disturb"]);
export type Availability = z.infer<typeof availabilitySchema>;

/** A directory entry: signed statements to verify, and presence, which is the registry's word. */
export const memberEntrySchema = z.strictObject({
  record: memberRecordSchema,
  devices: z.array(devicePresenceSchema).max(limits.devices),
  availability: availabilitySchema.optional(),
});
export type MemberEntry = z.infer<typeof memberEntrySchema>;

export const inviteSchema = z.strictObject({
  invite: id16Schema,
  kind: z.enum(["code", "link"]),
  createdBy: id32Schema,
  created: time,
  expires: time,
  uses: z.int().min(1).max(limits.inviteUses),
  used: z.int().min(0).max(limits.inviteUses),
  label: labelSchema.optional(),
  /** Of a pre-approved link: as what it lets in. */
  approved: z
    .strictObject({
      roles: z.array(grantedRoleSchema).max(limits.roles),
      kind: memberKindSchema.optional(),
      name: nameSchema.optional(),
    })
    .optional(),
});
export type Invite = z.infer<typeof inviteSchema>;

export const pendingSchema = z.strictObject({
  pairing: id16Schema,
  /** The request, signed by the asking member. */
  request: compactSchema,
  invite: id16Schema,
  /** What the invite is for, as its operator wrote. */
  inviteLabel: labelSchema.optional(),
  address: z.string().max(64),
  since: time,
});
export type Pending = z.infer<typeof pendingSchema>;

/** Another operator set that waits for operators to agree. */
export const operatorProposalSchema = z.strictObject({
  proposal: id16Schema,
  /** Member that proposes it. */
  by: id32Schema,
  /** Number and predecessor of the set that it would be. */
  number: z.int().min(2),
  previous: id32Schema,
  operators: operatorListSchema,
  /** Members that agreed, who proposes it among them. */
  approved: z.array(id32Schema).max(limits.operators),
  /** How many have to. */
  needed: z.int().min(1).max(limits.operators),
  expires: time,
});
export type OperatorProposal = z.infer<typeof operatorProposalSchema>;
/** One of the operators' orders, signed by an operator. */
export const orderTypeSchema = z.enum(["revocations", "policy", "restrictions"]);
export type OrderType = z.infer<typeof orderTypeSchema>;
const orderSchema = z.strictObject({ type: orderTypeSchema, statement: compactSchema });

const iceServer = z.strictObject({
  urls: z.array(z.string().min(1).max(256)).min(1).max(8),
  username: z.string().max(256).optional(),
  credential: z.string().max(256).optional(),
});

const frameResult = z.strictObject({
  frame: id16Schema,
  /** `relayed`: handed to the recipient's connection; `stored`: in the mailbox. */
  state: z.enum(["relayed", "stored", "refused"]),
  error: wireErrorSchema.optional(),
});
export type FrameResult = z.infer<typeof frameResult>;

/** A frame that left a mailbox because its device could never take it. The content stays sealed. */
export const deadLetterSchema = z.strictObject({
  /** Its place in the mailbox, which names it. */
  offset,
  at: time,
  /** Why, as the device said it; `timeout` for a frame that the device stopped at again and again. */
  code: errorCodeSchema,
  /** Device that could not take it. */
  device: id32Schema,
  fromMember: id32Schema,
  fromDevice: id32Schema,
  frame: id16Schema,
  bytes: z.int().min(0).max(limits.routedFrameBytes),
  /** Milliseconds since 1970; 0 never. */
  expires: time,
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

const usedSchema = z.strictObject({
  messages: z.int().min(0),
  /** As the member reports them. */
  tokens: z.int().min(0),
  money: z.int().min(0),
});

/** What a member used in the last hour and in the last day, as one node counted it. */
export const memberUsageSchema = z.strictObject({
  member: id32Schema,
  hour: usedSchema,
  day: usedSchema,
  /** To operators: who reported most of the messages. */
  reporters: z
    .array(z.strictObject({ member: id32Schema, messages: z.int().min(1) }))
    .max(8)
    .optional(),
  /** When it may go on, while it is over a budget. */
  heldUntil: time.optional(),
});
export type MemberUsage = z.infer<typeof memberUsageSchema>;

/** Requests of a device, by type. */
export const requestTable = {
  "directory.find": request(
    everyone,
    "Members that fit all that is given; live holders of a skill, least loaded first.",
    z.strictObject({
      skill: skillIdSchema.optional(),
      tag: labelSchema.optional(),
      text: z.string().min(1).max(limits.queryCharacters).optional(),
      kind: memberKindSchema.optional(),
      live: z.boolean().optional(),
      ...page,
    }),
    z.strictObject({ members: z.array(memberEntrySchema).max(limits.pageSize), next: z.string().max(128).optional() }),
  ),
  "directory.get": request(
    everyone,
    "One member by name or id.",
    z.union([z.strictObject({ name: nameSchema }), z.strictObject({ member: id32Schema })]),
    memberEntrySchema,
  ),
  "directory.watch": request(
    everyone,
    "Pushes `presence` when devices of these members come, change or go; replaces the list watched before.",
    z.strictObject({ members: z.array(id32Schema).max(limits.links) }),
    empty,
  ),
  "card.publish": request(members, "Publishes one's own signed card.", z.strictObject({ card: compactSchema }), empty),
  "withdrawals.publish": request(
    everyone,
    "Publishes one's own signed list of delegations that were taken back.",
    z.strictObject({ withdrawals: compactSchema }),
    empty,
  ),
  "devices.publish": request(
    everyone,
    "Publishes one's own signed device list.",
    z.strictObject({ devices: compactSchema }),
    empty,
  ),
  "rotation.publish": request(
    everyone,
    "Publishes the next root key of one's own member, with the device list and the card that the new key signed.",
    z.strictObject({ rotation: compactSchema, devices: compactSchema, card: compactSchema.optional() }),
    empty,
  ),
  "device.invite": request(
    everyone,
    "Opens a device link of one's own member; asking again while it lives tells whether somebody used it.",
    z.strictObject({
      /** Derived from the link's secret, which stays here. */
      enrolment: id16Schema,
      lifeMs: z.int().min(1000).max(limits.enrolmentLifeMs).optional(),
    }),
    z.strictObject({ expires: time, request: enrolmentAskSchema.optional() }),
  ),
  "device.answer": request(
    everyone,
    "Answers a device that used the link; without an answer the link is closed and the device refused.",
    z.strictObject({ enrolment: id16Schema, answer: enrolmentAnswerSchema.optional() }),
    empty,
  ),
  "presence.set": request(
    everyone,
    "Says what only the device knows of its presence.",
    z.strictObject({
      load: z.int().min(0).max(1_000_000).optional(),
      consumer: z.enum(["reading", "idle"]).optional(),
      availability: availabilitySchema.optional(),
    }),
    empty,
  ),
  "lease.renew": request(
    everyone,
    "A fresh membership lease for this device.",
    empty,
    z.strictObject({
      lease: compactSchema,
      /** The node's certificate as it is now: a session may outlast the one that it began with. */
      node: compactSchema.optional(),
    }),
  ),
  "ice.get": request(
    everyone,
    "STUN and TURN servers with short-lived credentials.",
    empty,
    z.strictObject({ servers: z.array(iceServer).max(8), expires: time }),
  ),
  "invite.create": request(
    members,
    "Opens an invite, if the policy allows it. The secret is shown once; the registry keeps its hash.",
    z.strictObject({
      kind: z.enum(["code", "link"]),
      lifeMs: z.int().min(1000).max(limits.inviteLifeMs).optional(),
      uses: z.int().min(1).max(limits.inviteUses).optional(),
      label: labelSchema.optional(),
    }),
    z.strictObject({ invite: inviteSchema, secret: z.string().min(6).max(64) }),
  ),
  "invite.grant": request(
    operatorsOnly,
    "Opens a pre-approved link, whose secret stays with the operator: id, life and uses are the grant's.",
    z.strictObject({
      grant: compactSchema,
      /** Derived from the link's secret, in the place of which it is shown. */
      redeem: id16Schema,
      label: labelSchema.optional(),
    }),
    z.strictObject({ invite: inviteSchema }),
  ),
  "invite.list": request(
    operatorsOnly,
    "Open invites.",
    z.strictObject(page),
    z.strictObject({ invites: z.array(inviteSchema).max(limits.pageSize), next: z.string().max(128).optional() }),
  ),
  "invite.cancel": request(operatorsOnly, "Closes an invite.", z.strictObject({ invite: id16Schema }), empty),
  "pairing.list": request(
    operatorsOnly,
    "Members that wait for approval.",
    z.strictObject(page),
    z.strictObject({ pending: z.array(pendingSchema).max(limits.pageSize), next: z.string().max(128).optional() }),
  ),
  "pairing.approve": request(
    operatorsOnly,
    "Lets a pending member in, by an operator-signed admission.",
    z.strictObject({ pairing: id16Schema, admission: compactSchema }),
    empty,
  ),
  "pairing.reject": request(
    operatorsOnly,
    "Turns a pending member away.",
    z.strictObject({ pairing: id16Schema, reason: labelSchema.optional() }),
    empty,
  ),
  "order.publish": request(
    operatorsOnly,
    "Publishes the next of the operators' orders: the revocation list, the policy or the list of restrictions.",
    orderSchema,
    empty,
  ),
  "admission.get": request(
    operatorsOnly,
    "One member's statements by name or id, also where its admission has ended.",
    z.union([z.strictObject({ name: nameSchema }), z.strictObject({ member: id32Schema })]),
    z.strictObject({ record: memberRecordSchema }),
  ),
  "admission.publish": request(
    operatorsOnly,
    "Publishes the next admission of a member that is in: other roles, scope, name or end.",
    z.strictObject({ admission: compactSchema }),
    empty,
  ),
  "operators.propose": request(
    adminsOnly,
    "Proposes another operator set, with one's own approval of it.",
    z.strictObject({ operators: operatorListSchema, approval: compactSchema }),
    z.strictObject({ proposal: operatorProposalSchema }),
  ),
  "operators.proposals": request(
    operatorsOnly,
    "Open proposals of another operator set.",
    empty,
    z.strictObject({ proposals: z.array(operatorProposalSchema).max(limits.operatorProposals) }),
  ),
  "operators.approve": request(
    operatorsOnly,
    "Adds one's own approval to a proposal; answers all of them.",
    z.strictObject({ proposal: id16Schema, approval: compactSchema.optional() }),
    z.strictObject({
      proposal: operatorProposalSchema,
      approvals: z.array(compactSchema).max(limits.operators),
    }),
  ),
  "operators.withdraw": request(
    operatorsOnly,
    "Takes one's own proposal back.",
    z.strictObject({ proposal: id16Schema }),
    empty,
  ),
  "operators.publish": request(
    adminsOnly,
    "Publishes the next operator set.",
    z.strictObject({ operators: compactSchema }),
    empty,
  ),
  "node.certify": request(
    operatorsOnly,
    "Publishes another certificate of this node's key.",
    z.strictObject({ certificate: compactSchema }),
    empty,
  ),
  "member.kick": request(
    operatorsOnly,
    "Ends the sessions that a member has now; it may come back.",
    z.strictObject({ member: id32Schema }),
    z.strictObject({ sessions: z.int().min(0).max(limits.devices) }),
  ),
  "mailbox.ack": request(
    everyone,
    "The device took everything up to this offset of its mailbox.",
    z.strictObject({ offset }),
    empty,
  ),
  "inbox.release": request(
    everyone,
    "An agent's device takes no more messages: it gives its inbox up, of its own or because the node took it away.",
    z.strictObject({ generation: z.int().min(1) }),
    empty,
  ),
  "mailbox.refuse": request(
    everyone,
    "The device can never take the frame at this offset: it becomes a dead letter. The device then acknowledges it like any other.",
    z.strictObject({ offset, code: errorCodeSchema }),
    empty,
  ),
  "mailbox.dead.list": request(
    everyone,
    "Dead letters of one's own mailbox, oldest first.",
    z.strictObject({ after: offset.optional(), limit: page.limit }),
    z.strictObject({ letters: z.array(deadLetterSchema).max(limits.pageSize), next: offset.optional() }),
  ),
  "mailbox.dead.remove": request(
    everyone,
    "Drops dead letters for good.",
    z.strictObject({ offsets: z.array(offset).min(1).max(limits.pageSize) }),
    z.strictObject({ removed: z.int().min(0).max(limits.pageSize) }),
  ),
  "mailbox.dead.redeliver": request(
    everyone,
    "Puts a dead letter back at the end of the mailbox; answers its new place.",
    z.strictObject({ offset }),
    z.strictObject({ offset }),
  ),
  ...credentialRequests,
  "usage.report": request(
    everyone,
    "What this device took from others since its last report, and what its member says it used; while budgets hold.",
    z.strictObject({ usage: compactSchema }),
    empty,
  ),
  "usage.list": request(
    everyone,
    "What members used of their budgets in the last hour and day: one's own, for operators everybody's.",
    z.strictObject({ member: id32Schema.optional(), ...page }),
    z.strictObject({ usage: z.array(memberUsageSchema).max(limits.pageSize), next: z.string().max(128).optional() }),
  ),
  ...channelRequests,
  ...auditRequests,
  ...boardRequests,
  ...resourceRequests,
  ...agreementRequests,
  ping: request(everyone, "Measures the session's round trip; answers registry time.", empty, z.strictObject({ time })),
} as const;

export type RequestType = keyof typeof requestTable;
export type RequestBody<Type extends RequestType> = z.infer<(typeof requestTable)[Type]["body"]>;
export type ReplyBody<Type extends RequestType> = z.infer<(typeof requestTable)[Type]["reply"]>;

/** The node's first message. Its text, as it comes, is what the proof covers. */
export const challengeSchema = z.strictObject({
  type: z.literal("challenge"),
  /** Absent while nobody has claimed the mesh. */
  mesh: id32Schema.optional(),
  node: id32Schema,
  nonce: id16Schema,
  versions: z.array(z.int().min(1).max(65535)).min(1).max(16),
  suites: z.array(z.int().min(1).max(255)).min(1).max(16),
  time,
});
export type Challenge = z.infer<typeof challengeSchema>;

/** The device's answer: who it is, and a `session` statement over the challenge. */
export const proofSchema = z.strictObject({
  type: z.literal("proof"),
  statement: compactSchema,
  root: id32Schema,
  rotations: z.array(compactSchema).max(limits.rotations),
  /** The device list that certifies the device's key. */
  devices: compactSchema,
});

/** The node's answer: a `welcome` statement over the proof, and all that pins it to the operators. */
export const welcomeSchema = z.strictObject({
  type: z.literal("welcome"),
  statement: compactSchema,
  node: compactSchema,
  operators: operatorChainSchema,
  admission: compactSchema,
  lease: compactSchema,
  revocations: compactSchema.optional(),
  mailbox: z.strictObject({ epoch: z.string().min(1).max(64), first: offset, last: offset }),
});

/** What a node pushes unasked, by type. */
export const pushTable = {
  "frame.results": {
    says: "What became of routed frames that this device sent.",
    body: z.strictObject({ results: z.array(frameResult).min(1).max(512) }),
  },
  presence: {
    says: "A watched member's devices as they are now.",
    body: z.strictObject({ member: id32Schema, devices: z.array(devicePresenceSchema).max(limits.devices) }),
  },
  "member.changed": {
    says: "A watched member's statements changed.",
    body: z.strictObject({ member: id32Schema, record: memberRecordSchema }),
  },
  order: { says: "The newest of one of the operators' orders.", body: orderSchema },
  holds: {
    says: "Members whose frames this node carries no more for now.",
    body: z.strictObject({ holds: compactSchema }),
  },
  operators: {
    says: "The newest operator set, and the node's certificate, which is another one then.",
    body: z.strictObject({ operators: operatorChainSchema, certificate: compactSchema }),
  },
  "pairing.pending": { says: "To operators: somebody waits for approval.", body: pendingSchema },
  "operators.proposed": {
    says: "To operators: somebody proposes another operator set.",
    body: operatorProposalSchema,
  },
  "device.pending": {
    says: "To a member's devices: somebody used a device link of theirs.",
    body: z.strictObject({ enrolment: id16Schema, request: enrolmentAskSchema }),
  },
  "mailbox.trimmed": {
    says: "Frames of the mailbox went before this device took them; why.",
    body: z.strictObject({ from: offset, to: offset, reason: z.enum(["expired", "quota", "lost"]) }),
  },
  "inbox.lease": {
    says: "To an agent's device: it holds the inbox for so many ms from now on; 0 when it does not any more.",
    body: z.strictObject({ generation: z.int().min(1), lifeMs: z.int().min(0).max(limits.leaseMs) }),
  },
  ...channelPushes,
  ...auditPushes,
  ...boardPushes,
  ...resourcePushes,
  goodbye: { says: "The node closes this session soon; why.", body: z.strictObject({ error: wireErrorSchema }) },
} as const;

export type PushType = keyof typeof pushTable;
export type PushBody<Type extends PushType> = z.infer<(typeof pushTable)[Type]["body"]>;

/** A request as it stands on the wire. */
export type RequestMessage = {
  [Type in RequestType]: { readonly id: number; readonly type: Type; readonly body: RequestBody<Type> };
}[RequestType];
export type ReplyMessage = {
  readonly re: number;
  readonly body?: unknown;
  readonly error?: z.infer<typeof wireErrorSchema>;
};
export type PushMessage = { [Type in PushType]: { readonly type: Type; readonly body: PushBody<Type> } }[PushType];

const messageId = z
  .int()
  .min(1)
  .max(2 ** 31);
const requestFrame = z.strictObject({ id: messageId, type: z.string().max(64), body: z.unknown().optional() });
const replyFrame = z.strictObject({ re: messageId, body: z.unknown().optional(), error: wireErrorSchema.optional() });
const pushFrame = z.strictObject({ type: z.string().max(64), body: z.unknown() });

/** The one push that carries every operator set begins so, as a node writes it. */
const operatorsPush = '{"type":"operators",';

/** Which field is wrong, in words that name no value. */
export function issueOf(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not of the documented form";
  const path = issue.path.map(String).join(".");
  return `${path === "" ? "the message" : path}: ${issue.message}`.slice(0, limits.errorCharacters);
}

/** Parses text with a schema. Total: size and depth before shape. */
export function decodeJson<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  maxBytes: number = limits.controlBytes,
): Decoded<z.infer<Schema>> {
  const json = parseJson(text, maxBytes);
  if (!json.ok) return json;
  const parsed = schema.safeParse(json.value);
  return parsed.success ? decoded(parsed.data) : undecodable("invalid_argument", issueOf(parsed.error));
}

/** A device's request. The id is kept even when the body is wrong, so that the error reaches its caller. */
export function decodeRequest(text: string): Decoded<RequestMessage> & { readonly id?: number } {
  const frame = decodeJson(requestFrame, text);
  if (!frame.ok) return frame;
  const { id, type, body } = frame.value;
  if (!Object.hasOwn(requestTable, type))
    return { ...undecodable("unsupported_operation", "unknown type of request"), id };
  const parsed = requestTable[type as RequestType].body.safeParse(body);
  if (!parsed.success) return { ...undecodable("invalid_argument", issueOf(parsed.error)), id };
  return { ...decoded({ id, type, body: parsed.data } as RequestMessage), id };
}

/** What a node sends after the handshake: a reply or a push. A push of an unknown type decodes to `unknown` and is skipped. */
export function decodeNodeMessage(
  text: string,
): Decoded<{ reply: ReplyMessage } | { push: PushMessage } | { unknown: string }> {
  const json = parseJson(text, text.startsWith(operatorsPush) ? limits.welcomeBytes : limits.controlBytes);
  if (!json.ok) return json;
  const reply = replyFrame.safeParse(json.value);
  if (reply.success) {
    const { re, body, error } = reply.data;
    return decoded({
      reply: { re, ...(body === undefined ? {} : { body }), ...(error === undefined ? {} : { error }) },
    });
  }
  const push = pushFrame.safeParse(json.value);
  if (!push.success) return undecodable("invalid_argument", issueOf(push.error));
  const { type, body } = push.data;
  if (!Object.hasOwn(pushTable, type)) return decoded({ unknown: type });
  const parsed = pushTable[type as PushType].body.safeParse(body);
  return parsed.success
    ? decoded({ push: { type, body: parsed.data } as PushMessage })
    : undecodable("invalid_argument", issueOf(parsed.error));
}
