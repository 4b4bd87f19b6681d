/** The caller's check of what goes into a skill and comes out, by the schemas on the callee's signed card. */
import { ParleyError } from "@parley/protocol";

import type { MemberView } from "../member-view.ts";
import { checkAgainstSkillSchema, skillSchemasOf } from "./skill-schema.ts";
import type { DelegateRequest } from "./task-run.ts";

/** Throws `card_mismatch` when the card has no such skill, `invalid_input` when the input does not fit. */
export function checkSkillInput(view: MemberView, request: DelegateRequest): void {
  const { card, name } = view;
  if (card?.skills.some(({ id }) => id === request.skill) !== true) {
    throw new ParleyError("card_mismatch", {
      message: `@${name} does not offer ${request.skill}; see \`parley agents\`.`,
    });
  }
  // Words alone may be all that a skill needs: only typed input is checked here, the callee checks both.
  if (request.input === undefined) return;
  const check = checkAgainstSkillSchema(skillSchemasOf(card, request.skill).input, request.input);
  if (!check.ok)
    throw new ParleyError("invalid_input", {
      message: `Input of ${request.skill}: ${check.path === "" ? "" : `${check.path}: `}${check.message}`,
    });
}

/** Throws `invalid_output` when what a skill returned is not what its card says. */
export function checkSkillOutput(view: MemberView, skill: string, output: unknown): void {
  if (view.card === undefined || output === undefined) return;
  const check = checkAgainstSkillSchema(skillSchemasOf(view.card, skill).output, output);
  if (!check.ok)
    throw new ParleyError("invalid_output", {
      message: `Output of ${skill} at @${view.name}: ${check.path === "" ? "" : `${check.path}: `}${check.message}`,
    });
}
