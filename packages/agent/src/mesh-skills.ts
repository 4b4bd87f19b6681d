import { type DeliveryState, deliveryStates, limits, taskStates } from "@parley/protocol";
import { z } from "zod";

import { type AnySkill, defineSkill } from "./skill.ts";

const agent = z.object({
  name: z.string(),
  member: z.string(),
  description: z.string(),
  skills: z
    .array(z.object({ id: z.string(), description: z.string(), tags: z.array(z.string()).readonly() }))
    .readonly(),
  live: z.boolean(),
  self: z.boolean(),
});
const error = z.object({ code: z.string(), message: z.string() }).optional();
const path = z.enum(["direct", "turn", "relay", "mailbox"]);
const state = z.enum(deliveryStates as readonly [DeliveryState, ...DeliveryState[]]);
const member = z.string().min(1).describe("@name, name or member id");
const words = z.string().min(1).max(limits.envelopeBytes);

const listAgents = defineSkill({
  id: "list_agents",
  description: "Lists the agents of the mesh with their skills",
  tags: ["mesh"],
  input: z.object({
    skill: z.string().optional(),
    tag: z.string().optional(),
    text: z.string().optional(),
    live: z.boolean().optional(),
  }),
  output: z.object({ agents: z.array(agent).readonly() }),
  run: async (query, { mesh }) => ({ agents: await mesh.listAgents(withoutUndefined(query)) }),
});

const findAgent = defineSkill({
  id: "find_agent",
  description: "Finds the least loaded live agent that offers a skill",
  tags: ["mesh"],
  input: z.object({ skill: z.string().min(1) }),
  output: agent,
  run: ({ skill }, { mesh }) => mesh.findAgent(skill),
});

const delegate = defineSkill({
  id: "delegate",
  description: "Gives work to another agent by skill and returns its result",
  tags: ["mesh"],
  input: z.object({
    skill: z.string().min(1),
    to: member.optional(),
    input: z.json().optional(),
    text: words.optional(),
    timeLimitMs: z.int().min(1).max(limits.taskMs).optional(),
  }),
  output: z.object({
    by: z.string(),
    member: z.string(),
    taskId: z.string(),
    state: z.enum(taskStates),
    output: z.json().optional(),
    text: z.string(),
    path,
    tookMs: z.number(),
  }),
  run: async (delegation, { mesh, progress }) => {
    const result = await mesh.delegate({ ...withoutUndefined(delegation), onProgress: progress });
    return {
      ...result,
      output: result.output as z.infer<ReturnType<typeof z.json>>,
      state: "TASK_STATE_COMPLETED" as const,
    };
  },
});

const send = defineSkill({
  id: "mesh_send",
  description: "Sends a direct message to one member",
  tags: ["mesh"],
  input: z.object({ to: member, text: words }),
  output: z.object({ id: z.string(), state, path: path.optional(), tookMs: z.number(), error }),
  run: async ({ to, text }, { mesh }) => {
    const { id, state, path, tookMs, error } = await mesh.send(to, text);
    return { id, state, path, tookMs, error };
  },
});

const broadcast = defineSkill({
  id: "mesh_broadcast",
  description: "Sends a message to every other member that policy allows and says what became of each",
  tags: ["mesh"],
  input: z.object({ text: words, kind: z.enum(["agent", "person"]).optional() }),
  output: z.object({
    members: z
      .array(z.object({ name: z.string(), member: z.string(), state, path: path.optional(), error }))
      .readonly(),
  }),
  run: async ({ text, kind }, { mesh }) => ({
    members: await mesh.broadcast(text, kind === undefined ? {} : { kind }),
  }),
});

/**
 * The mesh as skills, for a model inside an agent to choose from: each has an id, a description and JSON Schemas. They act
 * in the agent's own name, so they are not offered to others unless the agent lists them among its skills.
 */
export const meshSkills: readonly AnySkill[] = [listAgents, findAgent, delegate, send, broadcast];

type Defined<Of> = { [Key in keyof Of]: Exclude<Of[Key], undefined> };

function withoutUndefined<Of extends object>(value: Of): Defined<Of> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<Of>;
}
