import {
  type AgentSkill,
  type ApprovalNeed,
  approvalNeedSchema,
  issueOf,
  limits,
  ParleyError,
  type Price,
  priceSchema,
  skillIdSchema,
} from "@parley/protocol";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { z } from "zod";

import type { SkillContext } from "./skill-context.ts";
import { inputSchemaOf, outputSchemaOf } from "./skill-json-schema.ts";
import { skillAccessSchema, type SkillLimits, skillLimitsSchema } from "./skill-rules.ts";

/** Marks a skill across copies of this package: an agent's own folder may bring one. */
const brand = Symbol.for("parley.skill");

/** An input, and what is to come out of it: without `output` anything that fits the schema. */
export interface SkillTrial {
  readonly input: unknown;
  readonly output?: unknown;
}

/** What an author writes. `Input` and `Output` are any Standard Schema: Zod 4, Valibot, ArkType, ... */
export interface SkillDefinition<Id extends string, Input extends StandardSchemaV1, Output extends StandardSchemaV1> {
  /** Letters, digits, `-`, `_`, `.`; at most 64 characters. */
  readonly id: Id;
  /** For people. Default: the id. */
  readonly name?: string;
  /** What it does, for people and models that choose among skills. Default: the name. */
  readonly description?: string;
  readonly tags?: readonly string[];
  /** Default `1.0.0`. */
  readonly version?: string;
  /** Sample questions, and inputs with what has to come out: `parley skill test` tries those. */
  readonly examples?: readonly (string | SkillTrial)[];
  readonly input: Input;
  readonly output: Output;
  /** A person has to say yes to each task before it runs, as the policy of the mesh may ask besides. `{}` for one yes within an hour. */
  readonly approval?: ApprovalNeed | undefined;
  /** Who may call it, as in a policy: `@name`, `tag:x`, `role:x`, `kind:person`. Narrower than the policy of the mesh, never wider. */
  readonly access?: readonly string[] | undefined;
  /** Bounds of this skill alone; agent.yaml may set others. */
  readonly limits?: SkillLimits | undefined;
  /** What a task costs, as its card says it. Nothing is charged: callers settle it by an agreement. */
  readonly price?: Price | undefined;
  /**
   * Its tasks are kept on disk, with what `context.checkpoint` keeps, and begun again after a restart of the agent: the skill can do again
   * what it did, or goes on from `context.resumed`. Default false: then a task ends with its agent.
   */
  readonly resumable?: boolean;
  /** JSON Schema of the input, for schema libraries that cannot write one themselves. */
  readonly inputJsonSchema?: Readonly<Record<string, unknown>>;
  /** JSON Schema of the output, likewise. */
  readonly outputJsonSchema?: Readonly<Record<string, unknown>>;
  /** Works on one task. `input` has passed the schema; what is returned passes the other one on its way out. */
  run(
    input: StandardSchemaV1.InferOutput<Input>,
    context: SkillContext,
  ): StandardSchemaV1.InferInput<Output> | Promise<StandardSchemaV1.InferInput<Output>>;
}

/** A skill: its description, its schemas in both forms, and the function. */
export interface Skill<
  Id extends string = string,
  Input extends StandardSchemaV1 = StandardSchemaV1,
  Output extends StandardSchemaV1 = StandardSchemaV1,
> {
  readonly [brand]: true;
  readonly id: Id;
  readonly version: string;
  /** As it stands on the agent's card. */
  readonly described: AgentSkill;
  readonly approval: ApprovalNeed | undefined;
  readonly access: readonly string[] | undefined;
  readonly limits: SkillLimits | undefined;
  /** Inputs that it is tried with by `parley skill test`. */
  readonly trials: readonly SkillTrial[];
  readonly resumable: boolean;
  readonly price: Price | undefined;
  readonly input: Input;
  readonly output: Output;
  readonly inputJsonSchema: Readonly<Record<string, unknown>>;
  readonly outputJsonSchema: Readonly<Record<string, unknown>>;
  readonly run: (input: StandardSchemaV1.InferOutput<Input>, context: SkillContext) => unknown;
}

/** Any skill, whatever its types. */
export interface AnySkill extends Omit<Skill, "run"> {
  readonly run: (input: never, context: SkillContext) => unknown;
}

/** What a caller of the skill passes. */
export type SkillInput<Of extends AnySkill> = StandardSchemaV1.InferInput<Of["input"]>;
/** What a caller of the skill gets. */
export type SkillOutput<Of extends AnySkill> = StandardSchemaV1.InferOutput<Of["output"]>;

/**
 * Defines a skill. Throws `invalid_manifest` when its id, texts or schemas cannot stand on a card, naming the skill.
 *
 *     export const add = defineSkill({
 *       id: "add",
 *       input: z.object({ a: z.number(), b: z.number() }),
 *       output: z.number(),
 *       run: ({ a, b }) => a + b,
 *     });
 */
export function defineSkill<const Id extends string, Input extends StandardSchemaV1, Output extends StandardSchemaV1>(
  definition: SkillDefinition<Id, Input, Output>,
): Skill<Id, Input, Output> {
  const { id, input, output } = definition;
  if (!skillIdSchema.safeParse(id).success) {
    throw new ParleyError("invalid_manifest", {
      message: `"${id.slice(0, 80)}" is not a skill id: 1-${limits.skillCharacters} letters, digits, '-', '_' or '.', starting with a letter or digit.`,
    });
  }
  const name = definition.name ?? id;
  return {
    [brand]: true,
    id,
    version: definition.version ?? "1.0.0",
    described: {
      id,
      name,
      description: definition.description ?? name,
      tags: [...(definition.tags ?? [])],
      ...(definition.examples === undefined ? {} : { examples: definition.examples.map(exampleText) }),
    },
    approval: approvalOf(id, definition.approval),
    access: checked(id, "access", skillAccessSchema, definition.access),
    limits: checked(id, "limits", skillLimitsSchema, definition.limits),
    trials: (definition.examples ?? []).filter((example) => typeof example !== "string"),
    resumable: definition.resumable === true,
    price: priceOf(id, definition.price),
    input,
    output,
    inputJsonSchema: definition.inputJsonSchema ?? inputSchemaOf(id, input),
    outputJsonSchema: definition.outputJsonSchema ?? outputSchemaOf(id, output),
    run: (value, context) => definition.run(value, context),
  };
}

function approvalOf(id: string, need: ApprovalNeed | undefined): ApprovalNeed | undefined {
  if (need === undefined || approvalNeedSchema.safeParse(need).success) return need;
  throw new ParleyError("invalid_manifest", {
    message: `The approval of the skill ${id} has a quorum of 1-${limits.approvalQuorum} and withinMs of 1000-${limits.approvalLifeMs}.`,
  });
}

function checked<Value>(id: string, what: string, schema: z.ZodType, value: Value): Value {
  const parsed = value === undefined ? undefined : schema.safeParse(value);
  if (parsed === undefined || parsed.success) return value;
  throw new ParleyError("invalid_manifest", { message: `The ${what} of the skill ${id}: ${issueOf(parsed.error)}` });
}

/** As it stands on the card. */
function exampleText(example: string | SkillTrial): string {
  return typeof example === "string" ? example : JSON.stringify(example.input);
}

function priceOf(id: string, price: Price | undefined): Price | undefined {
  if (price === undefined || priceSchema.safeParse(price).success) return price;
  throw new ParleyError("invalid_manifest", {
    message: `The price of the skill ${id} is an amount such as "12.5" and a currency such as EUR.`,
  });
}

/** Whether a module's export is a skill. */
export function isSkill(value: unknown): value is AnySkill {
  return typeof value === "object" && value !== null && brand in value;
}
