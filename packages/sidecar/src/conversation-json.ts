/** The JSON of conversations, in the shapes of the device's own surface. */
import {
  anyContentSchema,
  channelMemberSchema,
  channelSchema,
  type DeliveryState,
  deliveryStates,
  errorCodeSchema,
  limits,
  memberKindSchema,
  pathSchema,
  retentionSchema,
  topicSchema,
  viaSchema,
} from "@parley/protocol";
import { z } from "zod";

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);

/** `@name`, a member id, `#channel`, and either of those as an answer carries them. */
export const conversationName = z.string().min(1).max(64);
export const messageName = z.string().min(1).max(128);
const place = z.int().min(0);
const memberId = z.string().min(1).max(64);

export const archivedMessageSchema = z.object({
  conversation: z.string(),
  id: z.string(),
  sort: z.number(),
  author: z.string(),
  name: z.string(),
  device: maybe(z.string()),
  created: z.number(),
  taken: z.number(),
  content: anyContentSchema,
  path: maybe(pathSchema),
  protection: z.enum(["sealed", "secret", "group", "signed", "door"]),
  unreadable: z.exactOptional(z.enum(["no-secret", "wrong-secret", "no-group", "bad-signature", "unknown"])),
  via: z.exactOptional(viaSchema),
  state: z.exactOptional(z.enum(deliveryStates as readonly [DeliveryState, ...DeliveryState[]])),
  mentioned: z.exactOptional(z.boolean()),
  own: z.boolean(),
  edited: maybe(z.number()),
  retracted: maybe(z.number()),
  reactions: z.record(z.string(), z.array(z.string()).readonly()).readonly(),
  replies: z.number(),
});

export const pendingPostSchema = z.object({
  id: z.string(),
  created: z.number(),
  content: anyContentSchema,
  state: z.enum(deliveryStates as readonly [DeliveryState, ...DeliveryState[]]),
  via: z.exactOptional(viaSchema),
});

export const conversationSummarySchema = z.object({
  conversation: z.string(),
  messages: z.number(),
  unread: z.number(),
  mentions: z.number(),
  read: z.number(),
  last: maybe(archivedMessageSchema),
  mark: maybe(z.string()),
});

export const messageQuerySchema = z.strictObject({
  conversation: conversationName,
  after: z.exactOptional(place),
  before: z.exactOptional(place),
  thread: z.exactOptional(messageName),
  limit: z.exactOptional(z.int().min(1)),
});

export const searchQuerySchema = z.strictObject({
  text: z.string().min(1).max(limits.queryCharacters),
  conversation: z.exactOptional(conversationName),
  author: z.exactOptional(memberId),
  limit: z.exactOptional(z.int().min(1)),
});

export const standingSchema = z.enum(["unknown", "request", "accepted", "blocked"]);
const trustSchema = z.enum(["verified", "unverified", "changed"]);
export const secretKindSchema = z.enum(["none", "random", "phrase", "weak-phrase"]);

export const contactSchema = z.object({
  member: z.string(),
  name: maybe(z.string()),
  standing: standingSchema,
  trust: trustSchema,
  secret: secretKindSchema,
});

export const safetyWordsSchema = z.object({
  member: z.string(),
  name: z.string(),
  words: z.array(z.string()).readonly(),
  trust: trustSchema,
});

export const channelViewSchema = z.object({
  ...channelSchema.shape,
  unread: z.number(),
  mentions: z.number(),
  last: maybe(archivedMessageSchema),
  trouble: maybe(errorCodeSchema),
});

const partialRetention = z.exactOptional(
  z.strictObject({
    posts: z.exactOptional(retentionSchema.shape.posts),
    bytes: z.exactOptional(retentionSchema.shape.bytes),
    ageMs: z.exactOptional(retentionSchema.shape.ageMs),
  }),
);

export const channelDraftSchema = z.strictObject({
  name: conversationName,
  kind: z.enum(["public", "invite"]),
  topic: z.exactOptional(topicSchema),
  history: z.exactOptional(z.enum(["all", "joined"])),
  retention: partialRetention,
});

export const channelChangeSchema = z.strictObject({
  topic: z.exactOptional(topicSchema),
  history: z.exactOptional(z.enum(["all", "joined"])),
  retention: partialRetention,
  archived: z.exactOptional(z.boolean()),
});

export const channelPersonSchema = z.object({
  ...channelMemberSchema.shape,
  name: maybe(z.string()),
  kind: maybe(memberKindSchema),
});

export const incomingPostSchema = z.object({
  channel: z.string(),
  channelName: z.string(),
  message: archivedMessageSchema,
  replay: z.boolean(),
  redelivered: z.boolean(),
});

/** What conversations add to the events of a device. */
export const conversationEventSchemas = [
  z.object({ type: z.literal("message"), message: archivedMessageSchema, request: z.boolean() }),
  z.object({ type: z.literal("message-changed"), message: archivedMessageSchema }),
  z.object({
    type: z.literal("typing"),
    conversation: z.string(),
    member: z.string(),
    name: z.string(),
    writes: z.boolean(),
  }),
  z.object({ type: z.literal("read"), conversation: z.string(), upTo: z.number() }),
  z.object({ type: z.literal("contact"), contact: contactSchema }),
  z.object({
    type: z.literal("channel"),
    channel: z.string(),
    what: z.enum([
      "joined",
      "left",
      "kicked",
      "present",
      "absent",
      "changed",
      "removed",
      "invited",
      "muted",
      "unmuted",
      "banned",
      "unbanned",
    ]),
    member: maybe(z.string()),
    name: maybe(z.string()),
    by: maybe(z.string()),
    at: z.number(),
  }),
  z.object({
    type: z.literal("channel-gap"),
    channel: z.string(),
    from: z.number(),
    to: z.number(),
    reason: z.enum(["trimmed", "restored", "group"]),
  }),
] as const;
