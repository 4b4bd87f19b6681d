/**
 * What commands and a running supervisor say to each other, as JSON lines on its socket: one request for each connection. The
 * caller's first line shows the socket's secret and asks; then come events, if there are any, and one answer or error.
 */
import { wireErrorSchema } from "@parley/protocol";
import { z } from "zod";

/** Versions of these lines that this build speaks. */
export const supervisorVersion = 1;
/** Commands at once. */
export const mostCallers = 32;
/** From a connection to its request. */
export const requestMs = 5_000;
/** Lines of a log that are asked for at once. */
export const mostLogLines = 10_000;

const name = z.string().min(1).max(255);
/** Empty for every agent. */
const names = z.array(name).max(64);
const optional = <Of extends z.ZodType>(schema: Of) => z.exactOptional(schema);

const agentViewSchema = z.object({
  name,
  agent: optional(z.string()),
  state: z.enum(["starting", "running", "waiting", "held", "stopping", "stopped"]),
  pid: optional(z.int()),
  restarts: z.int(),
  since: optional(z.number()),
  nextAt: optional(z.number()),
  cpu: optional(z.number()),
  memoryBytes: optional(z.number()),
  tasks: optional(z.int()),
  reason: optional(z.string()),
});
const logEntrySchema = z.object({
  time: z.number(),
  from: z.enum(["out", "err", "supervisor"]),
  text: z.string(),
});

const request = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("list") }),
  /** Also starts what was stopped or held, and finds folders that have come since. */
  z.strictObject({ op: z.literal("restart"), names }),
  z.strictObject({ op: z.literal("stop"), names }),
  /** Stops every agent and ends the supervisor. */
  z.strictObject({ op: z.literal("end") }),
  z.strictObject({ op: z.literal("logs"), name, lines: z.int().min(0).max(mostLogLines), follow: z.boolean() }),
]);
export type SupervisorRequest = z.infer<typeof request>;

export const callerLineSchema = z.strictObject({
  version: z.literal(supervisorVersion),
  secret: z.string().max(128),
  ask: request,
});

const answerSchema = z.object({ pid: z.int(), since: z.number(), agents: z.array(agentViewSchema) });
export type SupervisorAnswer = z.infer<typeof answerSchema>;

export const supervisorLineSchema = z.union([
  z.object({ entry: logEntrySchema }),
  z.object({ answer: answerSchema }),
  z.object({ error: wireErrorSchema }),
]);
