/** Skills that are declared as data: by programs in other languages, which bring JSON Schemas and no functions. */
import { checkAgainstSkillSchema } from "@parley/client";
import type { ApprovalNeed, Price } from "@parley/protocol";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { SkillContext } from "./skill-context.ts";
import { type AnySkill, defineSkill } from "./skill.ts";

/** What stands on a card about a skill, and when a person has to say yes to it first. */
export interface DeclaredSkill {
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly version?: string | undefined;
  readonly examples?: readonly string[] | undefined;
  /** JSON Schema; anything when there is none. */
  readonly input?: Readonly<Record<string, unknown>> | undefined;
  readonly output?: Readonly<Record<string, unknown>> | undefined;
  readonly approval?: ApprovalNeed | undefined;
  readonly price?: Price | undefined;
}

/** A JSON Schema as a schema of this library: checked under the bounds that hold for strangers' schemas too. */
function standardSchema(schema: Readonly<Record<string, unknown>>): StandardSchemaV1<unknown, unknown> {
  return {
    "~standard": {
      version: 1,
      vendor: "parley",
      validate: (value) => {
        const found = checkAgainstSkillSchema(schema, value);
        return found.ok ? { value } : { issues: [{ message: found.message, path: pathOf(found.path) }] };
      },
    },
  };
}

/** `lines[2].text` in its steps. */
const pathOf = (path: string): (string | number)[] =>
  [...path.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key = ""]) => (index === undefined ? key : Number(index)));

/** A skill whose work is handed on. Throws `invalid_manifest`. */
export function declareSkill(
  { id, name, description, tags, version, examples, input = {}, output = {}, approval, price }: DeclaredSkill,
  run: (input: unknown, context: SkillContext) => Promise<unknown>,
): AnySkill {
  return defineSkill({
    id,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags }),
    ...(version === undefined ? {} : { version }),
    ...(examples === undefined ? {} : { examples }),
    input: standardSchema(input),
    output: standardSchema(output),
    inputJsonSchema: input,
    outputJsonSchema: output,
    approval,
    price,
    run,
  });
}
