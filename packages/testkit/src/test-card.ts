import { type AgentCard, type AgentSkill, envelopeBinding } from "@parley/protocol";

/** A card's owner: a device, a joined member, an identity. */
interface CardOwner {
  readonly name: string;
  readonly member: string;
}

/** Card of an agent that is reached over envelopes, with skills of these ids; `change` stands for fields of its own. */
export function testCard(
  { name, member }: CardOwner,
  skills: readonly (Pick<AgentSkill, "id"> & Partial<AgentSkill>)[],
  change: Partial<AgentCard> = {},
): AgentCard {
  return {
    name,
    description: `What ${name} does`,
    version: "1.0.0",
    supportedInterfaces: [{ url: `parley:${member}`, protocolBinding: envelopeBinding, protocolVersion: "1.0" }],
    capabilities: {},
    defaultInputModes: ["application/json"],
    defaultOutputModes: ["application/json"],
    skills: skills.map(({ id, ...own }) => ({ id, name: id, description: id, tags: [], ...own })),
    ...change,
  };
}
