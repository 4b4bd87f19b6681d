/** The JSON of what operations carry, in the shapes of the device's own surface. */
import { linkFailures, type MetricName, metricTable, pathReasons } from "@parley/client";
import {
  blobRefSchema,
  type DeliveryState,
  deliveryStates,
  enrolmentAskSchema,
  errorCodeSchema,
  limits,
  memberKindSchema,
  pathSchema,
  restrictionKinds,
  streamResponseSchema,
} from "@parley/protocol";
import { z } from "zod";

import { agreementEventSchema } from "./agreement-json.ts";
import { approvalEventSchemas } from "./approval-json.ts";
import { conversationEventSchemas } from "./conversation-json.ts";
import { guardEventSchemas } from "./guard-json.ts";
import { leaseEventSchema } from "./lease-operations.ts";

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);
const coded = z.object({ code: errorCodeSchema, message: z.string() });
const route = z.object({ path: z.enum(["direct", "turn"]), local: z.string(), remote: z.string() });

const deliveryStateSchema = z.enum(deliveryStates as readonly [DeliveryState, ...DeliveryState[]]);

export const deliverySchema = z.object({
  id: z.string(),
  state: deliveryStateSchema,
  at: z.number(),
  tookMs: z.number(),
  path: maybe(pathSchema),
  reason: maybe(z.string()),
  device: maybe(z.string()),
  error: maybe(coded),
});

const direction = z.enum(["in", "out"]);
const place = z.int().min(0);
const messageId = z.string().min(1).max(128);
const memberId = z.string().min(1).max(64);
const states = z.array(deliveryStateSchema).min(1).max(deliveryStates.length);

export const deliveryQuerySchema = z.strictObject({
  id: z.exactOptional(messageId),
  idLike: z.exactOptional(messageId),
  peer: z.exactOptional(memberId),
  direction: z.exactOptional(direction),
  states: z.exactOptional(states),
  pendingOnly: z.exactOptional(z.boolean()),
  after: z.exactOptional(place),
  limit: z.exactOptional(z.int().min(1).max(limits.pageSize)),
  newestFirst: z.exactOptional(z.boolean()),
});

export const purgeQuerySchema = z.strictObject({
  id: z.exactOptional(messageId),
  peer: z.exactOptional(memberId),
  direction: z.exactOptional(direction),
  states: z.exactOptional(states),
  before: z.exactOptional(z.number()),
});

const deliveryFactSchema = z.object({
  state: deliveryStateSchema,
  at: z.number(),
  path: z.exactOptional(pathSchema),
  device: z.exactOptional(z.string()),
  code: z.exactOptional(errorCodeSchema),
  reason: z.exactOptional(z.string()),
  via: z.exactOptional(z.string()),
});

export const deliveryViewsSchema = z.object({
  records: z
    .array(
      z.object({
        place,
        id: z.string(),
        epoch: z.string(),
        seq: z.number(),
        direction,
        member: z.string(),
        name: maybe(z.string()),
        device: maybe(z.string()),
        created: z.number(),
        expires: maybe(z.number()),
        bytes: z.number(),
        pending: z.boolean(),
        redelivered: z.boolean(),
        state: deliveryStateSchema,
        facts: z.array(deliveryFactSchema).readonly(),
        receipts: z.partialRecord(deliveryStateSchema, z.string()),
        text: maybe(z.string()),
      }),
    )
    .readonly(),
  next: maybe(z.number()),
});

const senderTrustSchema = z.enum(["operator", "contact", "member", "guest", "edge"]);

export const senderSchema = z.object({
  member: z.string(),
  name: z.string(),
  device: z.string(),
  kind: memberKindSchema,
  roles: z.array(z.string()),
  trust: senderTrustSchema,
  verified: z.boolean(),
});

export const incomingMessageSchema = z.object({
  id: z.string(),
  from: senderSchema,
  text: z.string(),
  attachments: z.array(blobRefSchema),
  created: z.number(),
  path: pathSchema,
  class: z.enum(["durable", "live"]),
  redelivered: z.boolean(),
  hops: z.int().min(0).max(limits.hops),
  notice: z.exactOptional(z.enum(["loop-stopped"])),
  request: z.boolean(),
  secret: z.boolean(),
  answers: z.exactOptional(z.string()),
  thread: z.exactOptional(z.string()),
});

export const progressSchema = z.object({
  step: z.enum(["check", "transfer"]),
  done: z.number(),
  total: z.number(),
});

export const pingResultSchema = z.object({
  path: pathSchema,
  reason: maybe(z.enum(pathReasons)),
  rttMs: z.number(),
  device: z.string(),
  route: maybe(z.object({ local: z.string(), remote: z.string() })),
});

export const linkViewSchema = z.object({
  member: z.string(),
  name: z.string(),
  device: z.string(),
  state: z.enum(["opening", "open", "closed"]),
  path: maybe(pathSchema),
  route: maybe(route),
  openedInMs: maybe(z.number()),
  reason: z.enum(pathReasons),
  attempts: z.int(),
  lastFailure: maybe(z.enum(linkFailures)),
});

export const metricSampleSchema = z.object({
  name: z.enum(Object.keys(metricTable) as [MetricName, ...MetricName[]]),
  labels: z.record(z.string(), z.string()),
  value: z.number(),
});

export const sessionStateSchema = z.enum(["connecting", "connected", "waiting", "stopped"]);

export const deviceEventSchema = z.discriminatedUnion("type", [
  ...conversationEventSchemas,
  ...guardEventSchemas,
  leaseEventSchema,
  ...approvalEventSchemas,
  agreementEventSchema,
  z.object({
    type: z.literal("session"),
    state: sessionStateSchema,
    error: z.exactOptional(coded),
    retryInMs: z.exactOptional(z.number()),
  }),
  z.object({
    type: z.literal("link"),
    link: linkViewSchema,
    code: z.exactOptional(errorCodeSchema),
    reason: z.exactOptional(z.string()),
  }),
  z.object({ type: z.literal("delivery"), delivery: deliverySchema, to: z.string() }),
  z.object({
    type: z.literal("gap"),
    member: z.string(),
    name: z.string(),
    device: z.string(),
    from: z.number(),
    to: z.number(),
  }),
  z.object({
    type: z.literal("history"),
    device: z.string(),
    received: z.number(),
    omitted: z.number(),
    done: z.boolean(),
  }),
  z.object({
    type: z.literal("pairing-pending"),
    pairing: z.string(),
    request: z.string(),
    name: z.string(),
    address: z.string(),
  }),
  z.object({
    type: z.literal("operators-proposed"),
    proposal: z.string(),
    by: z.string(),
    approved: z.int(),
    needed: z.int(),
  }),
  z.object({ type: z.literal("device-pending"), enrolment: z.string(), request: enrolmentAskSchema }),
  z.object({
    type: z.literal("refused"),
    code: errorCodeSchema,
    message: z.string(),
    from: z.exactOptional(z.string()),
  }),
  z.object({ type: z.literal("revoked"), member: z.string() }),
  z.object({
    type: z.literal("audit"),
    node: z.string(),
    kind: z.enum(["altered", "missing", "truncated", "restored", "forked", "forged", "gap"]),
    entry: z.number(),
    to: z.exactOptional(z.number()),
    message: z.string(),
  }),
  z.object({
    type: z.literal("restricted"),
    restriction: maybe(
      z.object({
        kind: z.enum(restrictionKinds),
        at: z.number(),
        until: maybe(z.number()),
        reason: maybe(z.string()),
      }),
    ),
  }),
]);

export const taskEventSchema = z.object({
  response: streamResponseSchema,
  path: pathSchema,
  number: z.exactOptional(z.int().min(1)),
  gap: z.exactOptional(z.object({ after: z.int().min(0) })),
});
/** How a task ended; its artifacts came as events, which the caller folds. */
export const taskEndSchema = z.object({ path: pathSchema, reason: maybe(z.enum(pathReasons)), tookMs: z.number() });
