/** Work for other agents, by skill: where one dies over it, another one that has the skill gets it. */
import { setTimeout } from "node:timers/promises";

import type { DelegationResult, Mesh } from "@parley/agent";
import { limits, ParleyError, toParleyError } from "@parley/protocol";
import { z } from "zod";

import type { ModelTool } from "../model-tool.ts";

/** Holders of a skill that are tried for one piece of work. */
const mostHolders = 3;
/** Milliseconds between two looks at who has work, and looks in a row without seeing it after which it is gone. */
const lookMs = 2_000;
const mostMissed = 2;

const inputSchema = z.strictObject({
  skill: z.string().min(1).describe("id of the skill, as list_agents and find_agent tell it"),
  to: z
    .string()
    .optional()
    .describe("@name of the agent; without it, any that has the skill, and another one when it fails"),
  input: z.looseObject({}).optional().describe("input of the skill, as its schema wants it"),
  text: z.string().optional().describe("words for a skill that takes words, such as ask"),
  timeLimitSeconds: z
    .number()
    .min(1)
    .max(limits.taskMs / 1000)
    .optional(),
});

export const delegateTool: ModelTool = {
  name: "delegate",
  description:
    "Gives work to another agent by skill, waits, and gives its result. Call it several times in one turn for work that can be done at the same time.",
  inputSchema: jsonOf(inputSchema),
  run: async (given, { mesh }) => {
    const parsed = inputSchema.safeParse(given);
    if (!parsed.success) throw new ParleyError("invalid_input", { message: z.prettifyError(parsed.error) });
    const { skill, to, input, text, timeLimitSeconds } = parsed.data;
    const work = {
      skill,
      ...(input === undefined ? {} : { input }),
      ...(text === undefined ? {} : { text }),
      ...(timeLimitSeconds === undefined ? {} : { timeLimitMs: timeLimitSeconds * 1000 }),
    };
    return to === undefined ? toAny(mesh, work) : told(await toOne(mesh, { ...work, to }), []);
  },
};

type Work = Parameters<Mesh["delegate"]>[0];

/** To one agent. When it fails in a way that another one need not, the error names who else has the skill. */
async function toOne(mesh: Mesh, work: Work & { readonly to: string }): Promise<DelegationResult> {
  try {
    return await whileLive(mesh, work);
  } catch (thrown) {
    const error = toParleyError(thrown);
    if (!mayGoElsewhere(error)) throw error;
    const others = await holders(mesh, work.skill, [work.to]);
    throw new ParleyError(error.code, { message: error.message, data: { others } });
  }
}

/** To the least loaded holder, then to others. */
async function toAny(mesh: Mesh, work: Work): Promise<unknown> {
  const failed: { readonly agent: string; readonly code: string }[] = [];
  let to: string | undefined = `@${(await mesh.findAgent(work.skill)).name}`;
  for (;;) {
    try {
      return told(await whileLive(mesh, { ...work, to }), failed);
    } catch (thrown) {
      const error = toParleyError(thrown);
      failed.push({ agent: to, code: error.code });
      const tried = failed.map(({ agent }) => agent);
      [to] = mayGoElsewhere(error) && failed.length < mostHolders ? await holders(mesh, work.skill, tried) : [];
      if (to === undefined) throw error;
    }
  }
}

/**
 * Gives work away and looks now and then whether who has it is still there: a process that is killed says nothing, and its task would be
 * waited for until its time is over. Rejects with `not_connected` then.
 */
async function whileLive(mesh: Mesh, work: Work & { readonly to: string }): Promise<DelegationResult> {
  const gone = new AbortController();
  const done = new AbortController();
  const watch = async (): Promise<void> => {
    for (let missed = 0; missed < mostMissed;) {
      await setTimeout(lookMs, undefined, { signal: done.signal, ref: false });
      // A registry that cannot be asked says nothing about anybody.
      const live = await holders(mesh, work.skill, []).catch(() => [work.to]);
      missed = live.some((name) => name === work.to || name.slice(1) === work.to) ? 0 : missed + 1;
    }
    gone.abort(new ParleyError("not_connected", { message: `${work.to} is gone.` }));
  };
  watch().catch(() => undefined);
  try {
    return await mesh.delegate({ ...work, signal: gone.signal });
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error;
  } finally {
    done.abort();
  }
}

/** What is wrong with this agent, or with the way to it, and not with the work. */
function mayGoElsewhere({ code, retryable }: ParleyError): boolean {
  return retryable || code === "task_failed" || code === "canceled" || code === "unknown_member";
}

async function holders(mesh: Mesh, skill: string, tried: readonly string[]): Promise<string[]> {
  const agents = await mesh.listAgents({ skill, live: true });
  return agents
    .filter(({ self }) => !self)
    .map(({ name }) => `@${name}`)
    .filter((name) => !tried.includes(name) && !tried.includes(name.slice(1)));
}

function told(
  { by, member, taskId, output, text }: DelegationResult,
  failed: readonly { readonly agent: string; readonly code: string }[],
): unknown {
  return {
    from: { name: `@${by}`, member },
    task: taskId,
    ...(failed.length === 0 ? {} : { failedBefore: failed }),
    ...(text === "" ? {} : { text }),
    output,
  };
}

function jsonOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
}
