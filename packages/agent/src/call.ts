import type { DeviceApi } from "@parley/client";

import { type CallOptions, createMesh } from "./mesh.ts";
import type { AnySkill, SkillInput, SkillOutput } from "./skill.ts";

/**
 * Asks one member for a skill, with the skill's types. A caller that has only the type writes
 * `call<typeof search>(device, "search", "@librarian", { query })`.
 */
export async function call<Of extends AnySkill>(
  device: DeviceApi,
  skill: Of | Of["id"],
  to: string,
  input: SkillInput<Of>,
  options?: CallOptions,
): Promise<SkillOutput<Of>> {
  return createMesh(device).call<Of>(skill, to, input, options);
}

/** `call` to the least loaded live holder of the skill. */
export async function callAny<Of extends AnySkill>(
  device: DeviceApi,
  skill: Of | Of["id"],
  input: SkillInput<Of>,
  options?: CallOptions,
): Promise<SkillOutput<Of>> {
  return createMesh(device).call<Of>(skill, undefined, input, options);
}
