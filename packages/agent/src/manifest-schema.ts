import { errorTable, labelSchema, limits, nameSchema, parseChannelName, skillIdSchema } from "@parley/protocol";
import { z } from "zod";

import { durationMs } from "./duration.ts";
import {
  contextWindowSchema,
  instructionsSchema,
  maxTurnsSchema,
  mcpServersSchema,
  modelSchema,
} from "./model-schema.ts";
import { scheduleSchema } from "./schedule-schema.ts";
import { skillRuleSchema } from "./skill-rules.ts";

const name = z.string().refine((text) => nameSchema.safeParse(text).success, errorTable.invalid_name.says);
const label = z
  .string()
  .refine(
    (text) => labelSchema.safeParse(text).success,
    `has 1-${limits.labelCharacters} characters, none of them control characters`,
  );
const skillId = z.string().refine((text) => skillIdSchema.safeParse(text).success, "is not a skill's id");
const channel = z
  .string()
  .refine((text) => parseChannelName(text) !== undefined, "is not the name of a channel, for example #general");
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "is not a name of an environment variable, for example OPENAI_API_KEY");
const registry = z.url({ protocol: /^https?$/, error: "is not an address such as http://127.0.0.1:8080" }).max(2048);
const port = z.int().min(1).max(65_535);

/** Channels of one manifest. */
const maxChannels = 64;

/** `skills: folder` is short for `skills: { folder: folder }`. */
const skills = z.preprocess(
  (value) => (typeof value === "string" ? { folder: value } : value),
  z.strictObject({
    folder: z.string().min(1).max(1024).default("skills"),
    disable: z.array(skillId).max(limits.skills).default([]),
    /** Who may call a skill, and its limits, besides what the skills themselves say. */
    rules: z.record(skillId, skillRuleSchema).default({}),
  }),
);

const bounds = z.strictObject({
  concurrentTasks: z.int().min(1).max(limits.taskCalls).default(8),
  taskSeconds: z
    .number()
    .min(0.1)
    .max(limits.taskMs / 1000)
    .default(300),
  drainSeconds: z.number().min(0).max(300).default(10),
});

/** Times of agent.yaml in a rule about approvals: `90s`, `30m`, `1h`, or seconds. */
const within = z.union([z.number(), z.string()]).transform((value, context) => {
  const ms = typeof value === "number" ? value * 1000 : durationMs(value);
  if (ms !== undefined && ms >= 1000 && ms <= limits.approvalLifeMs) return Math.round(ms);
  context.addIssue({ code: "custom", message: "is not a time such as 90s, 30m or 1h, from 1s to 7d" });
  return z.NEVER;
});
const approval = z.strictObject({
  /** Members that have to say yes. Default 1. */
  quorum: z.int().min(1).max(limits.approvalQuorum).optional(),
  /** Default one hour. */
  within: within.optional(),
});

const links = z.strictObject({
  policy: z.enum(["all", "relay"]).optional(),
  bindAddress: z.union([z.ipv4(), z.ipv6()], { error: "is not an IP address" }).optional(),
  portRange: z
    .tuple([port, port])
    .refine(([low, high]) => low <= high, "begins above its end")
    .optional(),
});

const perMinute = (count: number) => z.int().min(1).max(1_000_000).default(count);

const guards = z.strictObject({
  /** Messages and calls of agents that may have led to one that this agent takes or sends. */
  hops: z.int().min(1).max(limits.hops).default(8),
  /** A minute, and at once after a pause: what is more waits, and calls are refused. */
  perMinute: z
    .strictObject({
      /** Messages of one member, and calls of it. */
      sender: perMinute(6_000),
      /** Mentions in one channel. */
      channel: perMinute(6_000),
      /** All of these together. */
      total: perMinute(30_000),
    })
    .prefault({}),
  /** Whether conversations of agents that go round in circles are stopped. */
  loops: z.boolean().default(true),
  /** Minutes of silence after which a stopped conversation goes on by itself. */
  quietMinutes: z.number().min(0.01).max(10_080).default(15),
  /** `neutral` makes control and invisible characters visible in what the program is handed; `raw` leaves them. */
  text: z.enum(["neutral", "raw"]).default("neutral"),
});

/**
 * agent.yaml. Closed: an unknown key is an error. Times are in seconds, because people write them; in code they are
 * milliseconds.
 */
export const manifestSchema = z.strictObject({
  name,
  description: z.string().max(4096).default(""),
  version: z.string().min(1).max(64).default("0.1.0"),
  /** Added to the tags of every skill. */
  tags: z.array(label).max(8).default([]),
  registry: registry.optional(),
  skills: skills.prefault({}),
  /** Joined at the start. */
  channels: z.array(channel).max(maxChannels).default([]),
  /** Environment variables without which the agent does not start. */
  env: z.array(variable).max(64).default([]),
  limits: bounds.prefault({}),
  /** Takes tasks of its skills from the board, as many as it has room for. */
  board: z.boolean().default(true),
  /** Skills, and tools of the model, that a person has to say yes to, besides what the skills themselves and the policy of the mesh ask for. */
  approvals: z.record(skillId, approval).default({}),
  /** Skills that the agent runs by itself: standing goals. */
  schedule: scheduleSchema,
  links: links.prefault({}),
  guards: guards.prefault({}),
  /** What may reach the program, unless `parley attention set` says otherwise. */
  attention: z.enum(["open", "mentions", "do-not-disturb"]).default("open"),
  /** Asks the registry for the floor before it answers a post that calls many, so that one agent does. */
  floor: z.boolean().default(true),
  /** Replaces what looks like a secret in what leaves the agent. */
  redact: z.boolean().default(false),
  /** The model that answers for the agent and works with its skills; an agent without one loads none. */
  model: modelSchema.optional(),
  /** What the model is told, before AGENT.md. */
  instructions: instructionsSchema.optional(),
  maxTurns: maxTurnsSchema.default(20),
  contextWindow: contextWindowSchema.default(100_000),
  /** Servers of the Model Context Protocol whose tools the model has. */
  mcpServers: mcpServersSchema.default({}),
});

/** What agent.yaml says, with its defaults filled in. */
export type ManifestContent = z.infer<typeof manifestSchema>;
/** What an author may write. */
export type ManifestInput = z.input<typeof manifestSchema>;
