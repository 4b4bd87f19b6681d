import { checkSkillSchema } from "@parley/client";
import {
  type AgentCard,
  agentCardSchema,
  envelopeBinding,
  limits,
  ParleyError,
  skillPricesExtension,
  skillSchemasExtension,
} from "@parley/protocol";

import type { Agent } from "./agent.ts";
import type { AnySkill } from "./skill.ts";

/** The member whose card it is. */
export interface CardOwner {
  readonly member: string;
  /** Admitted name, without the `@`. */
  readonly name: string;
}

const json = "application/json";

/** The A2A card of an agent: what it is, its skills, and their JSON Schemas. Throws `invalid_manifest` when it does not fit. */
export function cardOf({ manifest, skills }: Agent, owner: CardOwner): AgentCard {
  for (const skill of skills) checkSchemas(skill);
  const schemas = Object.fromEntries(
    skills.map(({ id, version, inputJsonSchema, outputJsonSchema }) => [
      id,
      { version, input: inputJsonSchema, output: outputJsonSchema },
    ]),
  );
  const prices = Object.fromEntries(skills.flatMap(({ id, price }) => (price === undefined ? [] : [[id, price]])));
  const hasPrices = Object.keys(prices).length > 0;
  const card = {
    name: owner.name,
    description: manifest.description,
    version: manifest.version,
    supportedInterfaces: [{ url: `parley:${owner.member}`, protocolBinding: envelopeBinding, protocolVersion: "1.0" }],
    capabilities: {
      streaming: true,
      pushNotifications: false,
      extensions: [
        { uri: skillSchemasExtension, description: "JSON Schemas of the skills", params: { skills: schemas } },
        ...(hasPrices
          ? [{ uri: skillPricesExtension, description: "What the skills cost", params: { skills: prices } }]
          : []),
      ],
    },
    defaultInputModes: [json, "text/plain"],
    defaultOutputModes: [json, "text/plain"],
    skills: skills.map(({ described }) => ({
      ...described,
      tags: [...new Set([...described.tags, ...manifest.tags])],
    })),
  };
  // As JSON, so that what a schema library leaves undefined is what readers see: nothing.
  const text = JSON.stringify(card);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > limits.cardBytes)
    throw invalid(`the card is ${bytes} bytes, and ${limits.cardBytes} are allowed; shorten descriptions or schemas.`);
  const parsed = agentCardSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`${placeOf(issue?.path ?? [], skills)}: ${issue?.message ?? "does not fit on a card"}.`);
}

function checkSchemas(skill: AnySkill): void {
  for (const [side, schema] of [
    ["input", skill.inputJsonSchema],
    ["output", skill.outputJsonSchema],
  ] as const) {
    const check = checkSkillSchema(schema);
    if (!check.ok) throw invalid(`skill ${skill.id}, ${side}: ${check.message}.`);
  }
}

function placeOf(path: readonly PropertyKey[], skills: readonly AnySkill[]): string {
  const [first, index, ...rest] = path;
  const skill = first === "skills" && typeof index === "number" ? skills[index] : undefined;
  return skill === undefined ? path.map(String).join(".") : `skill ${skill.id}, ${rest.map(String).join(".")}`;
}

function invalid(message: string): ParleyError {
  return new ParleyError("invalid_manifest", {
    message: `The agent's card is not valid: ${message}`,
    data: { problems: [] },
  });
}
