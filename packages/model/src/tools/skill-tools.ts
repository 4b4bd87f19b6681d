/** Skills of the agent as tools of its own model. */
import { type AnySkill, checkInput, checkOutput } from "@parley/agent";

import { type ModelTool, toolName } from "../model-tool.ts";

export function skillTool(skill: AnySkill): ModelTool {
  const { id, described, inputJsonSchema, approval } = skill;
  const isObject = inputJsonSchema["type"] === "object";
  return {
    name: toolName(id),
    description: described.description,
    // A skill that asks for a yes when others call it, asks for one when the model does.
    ...(approval === undefined ? {} : { approval }),
    // Providers take objects only.
    inputSchema: isObject
      ? inputJsonSchema
      : { type: "object", properties: { input: inputJsonSchema }, required: ["input"], additionalProperties: false },
    run: async (given, context) => {
      const value = isObject ? given : (given as { readonly input?: unknown }).input;
      const input = await checkInput(skill, value);
      // Its schema has just made it what `run` takes.
      return checkOutput(skill, await skill.run(input as never, context));
    },
  };
}
