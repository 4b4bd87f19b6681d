/** The operations of the local socket: one table, from which holder, caller and the schema file come. */
import {
  agentCardSchema,
  availabilitySchema,
  blobLabelSchema,
  blobRefSchema,
  limits,
  memberKindSchema,
  requestTable,
  type RequestType,
  skillIdSchema,
} from "@parley/protocol";
import { z } from "zod";

import { agreementOperations } from "./agreement-operations.ts";
import { approvalOperations } from "./approval-operations.ts";
import { boardOperations } from "./board-operations.ts";
import { conversationOperations } from "./conversation-operations.ts";
import { chainSchema, delegationOperations, delegationTermsSchema } from "./delegation-operations.ts";
import { guardOperations } from "./guard-operations.ts";
import { leaseOperations } from "./lease-operations.ts";
import { memberViewSchema } from "./member-json.ts";
import {
  deliveryQuerySchema,
  deliverySchema,
  deliveryViewsSchema,
  deviceEventSchema,
  incomingMessageSchema,
  linkViewSchema,
  metricSampleSchema,
  pingResultSchema,
  purgeQuerySchema,
  progressSchema,
  senderSchema,
  sessionStateSchema,
  taskEndSchema,
  taskEventSchema,
} from "./operation-json.ts";
import { empty, hops, none, operation, paths, ttlMs, who } from "./operation-row.ts";
import { programOperations } from "./program-operations.ts";
import { scheduleOperations } from "./schedule-operations.ts";
import { taskOperations } from "./task-operations.ts";

/** The two processes may run in different folders. */
const absolutePath = z.string().max(4096).regex(/^\//, "is not an absolute path");
const requestTypes = Object.keys(requestTable) as [RequestType, ...RequestType[]];

const usedSum = z.int().min(0).max(limits.usageSum);

export const operationTable = {
  status: operation(
    "Who holds the device, since when, and how it stands.",
    empty,
    z.object({ pid: z.int(), since: z.number(), state: sessionStateSchema, links: z.array(linkViewSchema) }),
    none,
  ),
  watch: operation(
    "Streams the state, then every event of the device.",
    empty,
    empty,
    z.union([
      z.object({ state: sessionStateSchema, links: z.array(linkViewSchema) }),
      z.object({ event: deviceEventSchema }),
    ]),
  ),
  memberOf: operation("One member by name or id.", z.strictObject({ who }), memberViewSchema, none),
  find: operation(
    "Members that fit.",
    z.strictObject({
      skill: z.exactOptional(skillIdSchema),
      tag: z.exactOptional(z.string().max(limits.labelCharacters)),
      text: z.exactOptional(z.string().max(limits.queryCharacters)),
      kind: z.exactOptional(memberKindSchema),
      live: z.exactOptional(z.boolean()),
      limit: z.exactOptional(z.int().min(1).max(limits.pageSize)),
      after: z.exactOptional(z.string().max(128)),
    }),
    z.object({
      members: z.array(memberViewSchema),
      refused: z.array(z.object({ code: z.string(), message: z.string() })),
      next: z
        .string()
        .optional()
        .transform((value) => value),
    }),
    none,
  ),
  request: operation(
    "A request of the session's table.",
    z.strictObject({ type: z.enum(requestTypes), body: z.unknown() }),
    z.unknown(),
    none,
  ),
  send: operation(
    "Sends a direct message: `sent` when accepted, then facts; the reply is the last one. Cancelling stops the wait, not the message.",
    z.strictObject({
      to: who,
      text: z.string(),
      class: z.exactOptional(z.enum(["durable", "live"])),
      paths,
      ttlMs,
      attachments: z.exactOptional(z.array(blobRefSchema).max(limits.attachments)),
      hops,
    }),
    deliverySchema,
    z.union([z.object({ sent: deliverySchema }), z.object({ delivery: deliverySchema })]),
  ),
  messages: operation(
    "Streams direct messages; each waits for its `ack` before the sender's next.",
    empty,
    empty,
    incomingMessageSchema,
  ),
  attach: operation(
    "Seals a file of this machine and leaves it at the registry; streams how far it is. Cancelling keeps what is done.",
    z.strictObject({
      path: absolutePath,
      name: blobLabelSchema.shape.name,
      type: z.exactOptional(blobLabelSchema.shape.type),
      ttlMs,
    }),
    blobRefSchema,
    progressSchema,
  ),
  fetchAttachment: operation(
    "Fetches what was attached into a new file of this machine; streams how far it is. Cancelling keeps what is done.",
    z.strictObject({ ref: blobRefSchema, path: absolutePath }),
    empty,
    progressSchema,
  ),
  attachmentsOf: operation(
    "The attachments of a message that the device remembers.",
    z.strictObject({ message: z.string().min(1).max(128) }),
    z.object({ attachments: z.array(blobRefSchema).max(limits.attachments) }),
    none,
  ),
  deliveries: operation(
    "What was sent and received and is remembered.",
    deliveryQuerySchema,
    deliveryViewsSchema,
    none,
  ),
  redeliver: operation(
    "Tries once more what ended without success; answers the id of the message from then on.",
    z.strictObject({ id: z.string().min(1).max(128) }),
    z.object({ id: z.string() }),
    none,
  ),
  purgeDeliveries: operation(
    "Forgets what ended and fits.",
    purgeQuerySchema,
    z.object({ removed: z.int().min(0) }),
    none,
  ),
  markRead: operation(
    "A person saw these messages.",
    z.strictObject({ ids: z.array(z.string().min(1).max(128)).min(1).max(limits.pageSize) }),
    empty,
    none,
  ),
  ping: operation(
    "Path and round trip.",
    z.strictObject({ to: who, paths, timeoutMs: z.exactOptional(z.int().min(1).max(limits.taskMs)) }),
    pingResultSchema,
    none,
  ),
  connect: operation("Dials a link.", z.strictObject({ to: who }), linkViewSchema, none),
  metrics: operation(
    "What the device has counted since its process started.",
    empty,
    z.object({ samples: z.array(metricSampleSchema) }),
    none,
  ),
  delegate: operation(
    "Delegates: `to` first, then the task's events; the reply says how it ended. Cancelling cancels the task.",
    z.strictObject({
      to: z.exactOptional(who),
      skill: skillIdSchema,
      input: z.exactOptional(z.json()),
      text: z.exactOptional(z.string()),
      contextId: z.exactOptional(z.string().max(128)),
      timeLimitMs: z.exactOptional(z.int().min(1).max(limits.taskMs)),
      hops,
      through: z.exactOptional(
        z.array(z.object({ member: z.string().max(64), skill: skillIdSchema })).max(limits.hops),
      ),
      paths,
      chain: z.exactOptional(chainSchema),
      /** A task that this connection serves, for which this one is asked: it carries on hops, skills at work and time. */
      task: z.exactOptional(z.string().min(1).max(128)),
      /** In the name of whoever that task is done for. */
      onBehalf: z.exactOptional(z.boolean()),
      mandate: z.exactOptional(delegationTermsSchema),
    }),
    taskEndSchema,
    z.union([z.object({ to: senderSchema }), z.object({ task: taskEventSchema })]),
  ),
  publishCard: operation("Publishes the member's card.", z.strictObject({ card: agentCardSchema }), empty, none),
  rotateRoot: operation(
    "Gives the member a new root key.",
    empty,
    z.object({ number: z.int(), rootKey: z.string() }),
    none,
  ),
  setAvailability: operation(
    "Says whether the person is available.",
    z.strictObject({ availability: availabilitySchema }),
    empty,
    none,
  ),
  reportUsage: operation(
    "Says what the program used elsewhere: tokens of models, and millionths of the mesh's unit of money.",
    z.strictObject({ tokens: z.exactOptional(usedSum), money: z.exactOptional(usedSum) }),
    empty,
    none,
  ),
  ...conversationOperations,
  ...guardOperations,
  ...approvalOperations,
  ...delegationOperations,
  ...boardOperations,
  ...leaseOperations,
  ...scheduleOperations,
  ...agreementOperations,
  ...programOperations,
  ...taskOperations,
} as const;

/** Operations whose events wait for the caller's `ack`. */
export const acknowledgedOperations: readonly OperationName[] = ["messages", "subscribe"];
/** Operations that end only when their caller wants: nobody waits for their reply. */
export const endlessOperations: readonly OperationName[] = [
  "watch",
  "messages",
  "keep",
  "subscribe",
  "serve",
  "holdLease",
];

export type OperationName = keyof typeof operationTable;
/** As a caller gives it. */
export type OperationBody<Name extends OperationName> = z.output<(typeof operationTable)[Name]["body"]>;
/** As it stands on the socket. */
export type OperationEventJson<Name extends OperationName> = z.input<(typeof operationTable)[Name]["event"]>;
export type OperationReplyJson<Name extends OperationName> = z.input<(typeof operationTable)[Name]["reply"]>;
export type OperationEvent<Name extends OperationName> = z.output<(typeof operationTable)[Name]["event"]>;
export type OperationReply<Name extends OperationName> = z.output<(typeof operationTable)[Name]["reply"]>;
