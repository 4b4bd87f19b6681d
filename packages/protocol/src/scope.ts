/** What an admission limits its member to beside its roles. */
import { z } from "zod";

import { channelNameSchema } from "./channel.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";

const skills = z.array(skillIdSchema).max(limits.scopeEntries);
const channels = z.array(channelNameSchema).max(limits.scopeEntries);

/** What a member may call and where it may take part. A field that is absent limits nothing; an empty one allows nothing. */
export const scopeSchema = z.strictObject({
  /** Ids of skills that it may call, whoever offers them. */
  skills: skills.optional(),
  /** Names of channels that it may see, join and post in. */
  channels: channels.optional(),
});
export type Scope = z.infer<typeof scopeSchema>;

/** Whether every entry of `inner` is in `outer`, where `outer` limits at all. */
const isWithin = (inner: readonly string[] | undefined, outer: readonly string[] | undefined): boolean =>
  outer === undefined || (inner !== undefined && inner.every((entry) => outer.includes(entry)));

/** Whether a scope allows no more than another one. */
export function isNarrower(inner: Scope | undefined, outer: Scope | undefined): boolean {
  return isWithin(inner?.skills, outer?.skills) && isWithin(inner?.channels, outer?.channels);
}

/** Whether a scope lets a member call a skill. */
export const scopeAllowsSkill = (scope: Scope | undefined, skill: string): boolean =>
  scope?.skills?.includes(skill) ?? true;

/** Whether a scope lets a member take part in a channel, by its name without `#`. */
export const scopeAllowsChannel = (scope: Scope | undefined, name: string): boolean =>
  scope?.channels?.includes(name) ?? true;
