/**
 * The A2A 1.0 data model in its JSON form (specification 1.0.1, section 4): the parts that Parley uses. Unknown fields
 * are ignored, as A2A asks; limits are ours.
 */
import { z } from "zod";

import { limits } from "./limits.ts";
import { labelSchema, skillIdSchema } from "./names.ts";

const text = (most: number) => z.string().max(most);
const id = z.string().min(1).max(128);
/** Anything: it comes out of JSON whose size and depth were checked. */
const anyJson = z.unknown();
const metadata = z.record(z.string().max(256), anyJson).optional();
const mediaTypes = z.array(z.string().min(1).max(128)).max(32);

/** One piece of content: exactly one of `text`, `raw` (base64), `url`, `data`. */
export const partSchema = z
  .object({
    text: text(limits.envelopeBytes).optional(),
    raw: text(limits.envelopeBytes).optional(),
    url: text(2048).optional(),
    data: anyJson.optional(),
    mediaType: z.string().max(128).optional(),
    filename: z.string().max(256).optional(),
    metadata,
  })
  .refine(
    (part) => [part.text, part.raw, part.url, part.data].filter((value) => value !== undefined).length === 1,
    "needs exactly one of text, raw, url, data",
  );
export type Part = z.infer<typeof partSchema>;

export const messageSchema = z.object({
  messageId: id,
  role: z.enum(["ROLE_USER", "ROLE_AGENT"]),
  parts: z.array(partSchema).min(1).max(64),
  contextId: id.optional(),
  taskId: id.optional(),
  referenceTaskIds: z.array(id).max(32).optional(),
  extensions: z.array(z.string().max(256)).max(16).optional(),
  metadata,
});
export type Message = z.infer<typeof messageSchema>;

export const taskStates = [
  "TASK_STATE_SUBMITTED",
  "TASK_STATE_WORKING",
  "TASK_STATE_INPUT_REQUIRED",
  "TASK_STATE_AUTH_REQUIRED",
  "TASK_STATE_COMPLETED",
  "TASK_STATE_FAILED",
  "TASK_STATE_CANCELED",
  "TASK_STATE_REJECTED",
] as const;
export type TaskState = (typeof taskStates)[number];

const terminal: readonly TaskState[] = [
  "TASK_STATE_COMPLETED",
  "TASK_STATE_FAILED",
  "TASK_STATE_CANCELED",
  "TASK_STATE_REJECTED",
];
/** Nothing leaves a terminal state. */
export const isTerminal = (state: TaskState): boolean => terminal.includes(state);

export const taskStatusSchema = z.object({
  state: z.enum(taskStates),
  message: messageSchema.optional(),
  timestamp: z.iso.datetime().optional(),
});
export type TaskStatus = z.infer<typeof taskStatusSchema>;

export const artifactSchema = z.object({
  artifactId: id,
  name: z.string().max(256).optional(),
  description: text(2048).optional(),
  parts: z.array(partSchema).min(1).max(64),
  metadata,
  extensions: z.array(z.string().max(256)).max(16).optional(),
});
export type Artifact = z.infer<typeof artifactSchema>;

export const taskSchema = z.object({
  id,
  contextId: id.optional(),
  status: taskStatusSchema,
  artifacts: z.array(artifactSchema).max(256).optional(),
  history: z.array(messageSchema).max(256).optional(),
  metadata,
});
export type Task = z.infer<typeof taskSchema>;

export const sendMessageRequestSchema = z.object({
  message: messageSchema,
  configuration: z
    .object({
      acceptedOutputModes: mediaTypes.optional(),
      historyLength: z.int().min(0).max(256).optional(),
      returnImmediately: z.boolean().optional(),
    })
    .optional(),
  metadata,
});
export type SendMessageRequest = z.infer<typeof sendMessageRequestSchema>;

export const statusUpdateSchema = z.object({
  taskId: id,
  contextId: id.optional(),
  status: taskStatusSchema,
  metadata,
});
export const artifactUpdateSchema = z.object({
  taskId: id,
  contextId: id.optional(),
  artifact: artifactSchema,
  append: z.boolean().optional(),
  lastChunk: z.boolean().optional(),
  metadata,
});

/** One event of a stream: exactly one member is present. */
export const streamResponseSchema = z
  .object({
    task: taskSchema.optional(),
    message: messageSchema.optional(),
    statusUpdate: statusUpdateSchema.optional(),
    artifactUpdate: artifactUpdateSchema.optional(),
  })
  .refine(
    (event) => Object.values(event).filter((value) => value !== undefined).length === 1,
    "needs exactly one of task, message, statusUpdate, artifactUpdate",
  );
export type StreamResponse = z.infer<typeof streamResponseSchema>;

export const agentSkillSchema = z.object({
  id: skillIdSchema,
  name: z.string().min(1).max(128),
  description: z.string().min(1).max(2048),
  tags: z.array(labelSchema).max(16),
  examples: z.array(z.string().max(1024)).max(16).optional(),
  inputModes: mediaTypes.optional(),
  outputModes: mediaTypes.optional(),
});
export type AgentSkill = z.infer<typeof agentSkillSchema>;

/** Declares the JSON Schemas of the skills; `params.skills` maps a skill's id to `{input, output}`. */
export const skillSchemasExtension = "https://parley.dev/a2a/extensions/skill-schemas/v1";

/** Declares what skills cost; `params.skills` maps a skill's id to its price. Asks nothing by itself: an agreement does. */
export const skillPricesExtension = "https://parley.dev/a2a/extensions/skill-prices/v1";

/** The binding's URI: `protocolBinding` of a card's interface that is reached over envelopes. */
export const envelopeBinding = "https://parley.dev/a2a/bindings/envelope/v1";

const extensionSchema = z.object({
  uri: z.string().min(1).max(256),
  description: z.string().max(1024).optional(),
  required: z.boolean().optional(),
  params: z.record(z.string().max(256), anyJson).optional(),
});

export const agentCardSchema = z.object({
  name: z.string().min(1).max(128),
  description: z.string().max(4096),
  version: z.string().min(1).max(64),
  supportedInterfaces: z
    .array(
      z.object({
        url: z.string().max(2048),
        protocolBinding: z.string().max(256),
        protocolVersion: z.string().max(16),
        tenant: z.string().max(128).optional(),
      }),
    )
    .min(1)
    .max(8),
  provider: z.object({ organization: z.string().max(256), url: z.string().max(2048) }).optional(),
  documentationUrl: z.string().max(2048).optional(),
  capabilities: z.object({
    streaming: z.boolean().optional(),
    pushNotifications: z.boolean().optional(),
    extendedAgentCard: z.boolean().optional(),
    extensions: z.array(extensionSchema).max(16).optional(),
  }),
  defaultInputModes: mediaTypes.min(1),
  defaultOutputModes: mediaTypes.min(1),
  skills: z.array(agentSkillSchema).max(limits.skills),
});
export type AgentCard = z.infer<typeof agentCardSchema>;
