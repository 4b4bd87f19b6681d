/** All tools of one agent's model, under names that are different, and which of them need a person's yes. */
import type { Agent } from "@parley/agent";
import { type ApprovalNeed, ParleyError } from "@parley/protocol";

import { type ModelTool, toolName } from "./model-tool.ts";
import { meshTools } from "./tools/mesh-tools.ts";
import { skillTool } from "./tools/skill-tools.ts";

export interface AgentTools {
  readonly tools: readonly ModelTool[];
  readonly approvals: Readonly<Record<string, ApprovalNeed>>;
}

/** Throws `invalid_manifest` for two tools of one name, and for a rule about approvals of what is not there. */
export function agentTools({ manifest, skills }: Agent, others: readonly ModelTool[]): AgentTools {
  const own = skills.map((skill) => skillTool(skill));
  // A skill of the agent that is called as a tool of the mesh stands for it.
  const ofMesh = meshTools.filter(({ name }) => !own.some((tool) => tool.name === name));
  const tools = [...own, ...ofMesh, ...others];
  const names = tools.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`two tools of the model are called ${twice}; give one of them another name.`);
  const ruled = Object.entries(manifest.approvals).map(([id, { quorum, within }]) => {
    const name = toolName(id);
    if (!names.includes(name) && !skills.some((skill) => skill.id === id) && id !== "ask")
      throw invalid(`approvals names ${id}, which is no skill and no tool; there are ${names.join(", ")}.`);
    const need: ApprovalNeed = {
      ...(quorum === undefined ? {} : { quorum }),
      ...(within === undefined ? {} : { withinMs: within }),
    };
    return [name, need] as const;
  });
  const needed = tools.flatMap(({ name, approval }) => (approval === undefined ? [] : [[name, approval] as const]));
  return { tools, approvals: { ...Object.fromEntries(needed), ...Object.fromEntries(ruled) } };
}

function invalid(message: string): ParleyError {
  return new ParleyError("invalid_manifest", { message: `agent.yaml: ${message}`, data: { problems: [] } });
}
