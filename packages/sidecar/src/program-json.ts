/** The JSON of what programs do through the socket: skills that they serve, tasks, peers, states. */
import {
  approvalNeedSchema,
  errorCodeSchema,
  limits,
  memberKindSchema,
  partSchema,
  pathSchema,
  priceSchema,
  skillIdSchema,
} from "@parley/protocol";
import { z } from "zod";

import { agreementEventSchema } from "./agreement-json.ts";
import { deliverySchema, senderSchema } from "./operation-json.ts";

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);
const words = z.string().max(4096);
const taskId = z.string().min(1).max(128);
const jsonSchema = z.record(z.string(), z.json());

/** A skill as a program declares it. */
export const declaredSkillSchema = z.strictObject({
  id: skillIdSchema,
  name: z.exactOptional(z.string().min(1).max(limits.labelCharacters)),
  description: z.exactOptional(words),
  version: z.exactOptional(z.string().min(1).max(64)),
  tags: z.exactOptional(z.array(z.string().min(1).max(limits.labelCharacters)).max(16)),
  examples: z.exactOptional(z.array(words).max(16)),
  /** JSON Schema (2020-12) of the input, and of the output. */
  input: z.exactOptional(jsonSchema),
  output: z.exactOptional(jsonSchema),
  approval: z.exactOptional(approvalNeedSchema),
  price: z.exactOptional(priceSchema),
});
export type DeclaredSkillJson = z.output<typeof declaredSkillSchema>;

/** A task as the program that serves its skill gets it. */
export const hostedTaskSchema = z.object({
  task: z.string(),
  skill: z.string(),
  input: z.unknown(),
  text: z.string(),
  from: senderSchema,
  /** For whom the caller acts. */
  for: z.exactOptional(z.object({ member: z.string(), name: z.string(), roles: z.array(z.string()) })),
  hops: z.int(),
  /** Milliseconds since 1970. */
  deadline: z.number(),
});

/** Code and words of what went wrong. */
export const toldErrorSchema = z.object({ code: errorCodeSchema, message: z.string() });

const replyArtifactSchema = z.strictObject({
  /** The same id again with `append` adds a chunk. */
  artifactId: z.exactOptional(taskId),
  name: z.exactOptional(z.string().max(256)),
  description: z.exactOptional(words),
  /** One of the three. */
  text: z.exactOptional(z.string().max(limits.artifactBytes)),
  data: z.exactOptional(z.json()),
  parts: z.exactOptional(z.array(partSchema).min(1).max(64)),
  append: z.exactOptional(z.boolean()),
  lastChunk: z.exactOptional(z.boolean()),
});
export type ReplyArtifact = z.output<typeof replyArtifactSchema>;

/** What a program says about a task: exactly one thing. */
export const taskReplySchema = z.union([
  z.strictObject({ task: taskId, progress: z.string().max(limits.envelopeBytes) }),
  z.strictObject({ task: taskId, artifact: replyArtifactSchema }),
  z.strictObject({ task: taskId, result: z.json() }),
  z.strictObject({
    task: taskId,
    error: z.strictObject({ code: z.exactOptional(errorCodeSchema), message: z.exactOptional(words) }),
  }),
  z.strictObject({
    task: taskId,
    ask: z.strictObject({
      question: z.string().min(1).max(limits.approvalTextCharacters),
      /** Another member than the caller. */
      of: z.exactOptional(z.string().min(1).max(64)),
      withinMs: z.exactOptional(z.int().min(1).max(limits.approvalLifeMs)),
    }),
  }),
]);

const linkedPeer = z.object({ member: z.string(), name: z.string(), device: z.string(), path: maybe(pathSchema) });

/** Another member, as a program chooses among them. */
export const peerSchema = z.object({
  member: z.string(),
  name: z.string(),
  kind: memberKindSchema,
  roles: z.array(z.string()),
  /** One of its devices is connected. */
  live: z.boolean(),
  description: z.string(),
  skills: z.array(z.object({ id: z.string(), description: z.string(), tags: z.array(z.string()) })),
  links: z.array(z.object({ device: z.string(), path: maybe(pathSchema) })),
});
export type PeerJson = z.input<typeof peerSchema>;

/** What a subscription to peers tells: devices with an open link, first all, then as they come and go. */
export const peerEventSchemas = [
  z.object({ peer_list: z.array(linkedPeer) }),
  z.object({ peer_connected: linkedPeer }),
  z.object({ peer_disconnected: linkedPeer }),
] as const;
export type LinkedPeer = z.input<typeof linkedPeer>;

/** What became of something that this device sent. */
export const receiptEventSchema = z.object({ receipt: z.object({ to: z.string(), delivery: deliverySchema }) });

/** An act of an agreement, of either side, and how the agreement stands after it. */
export const agreementActEventSchema = z.object({ agreement: agreementEventSchema.omit({ type: true }) });

export const broadcastStateSchema = z.object({
  name: z.string(),
  member: z.string(),
  state: deliverySchema.shape.state,
  path: maybe(pathSchema),
  error: maybe(toldErrorSchema),
});
