/** The mesh as tools of a model: finding agents, giving them work, saying something, asking a person. */
import { type AnySkill, defineSkill, meshSkills, type SkillContext } from "@parley/agent";
import { limits } from "@parley/protocol";
import { z } from "zod";

import type { ModelTool } from "../model-tool.ts";
import { proposeSkill } from "./agreement-tool.ts";
import { delegateTool } from "./delegate-tool.ts";
import { skillTool } from "./skill-tools.ts";

const post = defineSkill({
  id: "post",
  description: "Posts to a channel that this agent is in",
  input: z.object({
    channel: z.string().min(1).describe("#name of the channel"),
    text: z.string().min(1).max(limits.envelopeBytes),
    answers: z.string().optional().describe("id of the post that it answers"),
  }),
  output: z.object({ id: z.string(), state: z.string() }),
  run: async ({ channel, text, answers }, { mesh, signal }) => {
    const sent = await mesh.channel(channel).post(text, { signal, ...(answers === undefined ? {} : { answers }) });
    const { id, state } = await sent.settled;
    return { id, state };
  },
});

const askPerson = defineSkill({
  id: "ask_person",
  description:
    "Asks a person something in words and waits for the answer. Ask once, everything together, and only what no agent can know.",
  input: z.object({
    question: z.string().min(1).max(limits.approvalTextCharacters),
    of: z.string().optional().describe("@name of the person; without it, whoever gave this task"),
  }),
  output: z.object({ answer: z.string() }),
  run: async ({ question, of }, context) => ({ answer: await ask(context, question, of) }),
});

/** The one who asked is a name like any other. */
function ask({ ask: askOf, from }: SkillContext, question: string, of: string | undefined): Promise<string> {
  const isCaller = of === undefined || of === from.member || of.replace(/^@/u, "") === from.name;
  return isCaller ? askOf(question) : askOf(question, { of });
}

const skills: readonly AnySkill[] = [
  ...meshSkills.filter(({ id }) => id !== "delegate"),
  post,
  askPerson,
  proposeSkill,
];

export const meshTools: readonly ModelTool[] = [delegateTool, ...skills.map((skill) => skillTool(skill))];
