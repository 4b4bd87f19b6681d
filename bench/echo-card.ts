import type { AgentCard } from "@parley/protocol";

/** The one skill of the bench: answers with its input. */
export const echoSkill = "echo";

/** Card of a member that has it. */
export function echoCard(name: string, member: string): AgentCard {
  return {
    name,
    description: "Answers with its input",
    version: "1.0.0",
    supportedInterfaces: [
      {
        url: `parley:${member}`,
        protocolBinding: "https://parley.dev/a2a/bindings/envelope/v1",
        protocolVersion: "1.0",
      },
    ],
    capabilities: {},
    defaultInputModes: ["application/json"],
    defaultOutputModes: ["application/json"],
    skills: [{ id: echoSkill, name: "Echo", description: "Answers with its input", tags: [] }],
  };
}
