/** Mutes and bans of single channels. They stay with a member when it goes out and comes in again. */
import { ParleyError } from "@parley/protocol";

import type { KnownChannel } from "./channel-table.ts";
import type { ChannelRestriction, StoredChannelMember } from "./stored-channel.ts";

export type ChannelRestrictionKind = "muted" | "banned";

/** What of a member's standing outlives a change of it. */
export function lasting(standing: StoredChannelMember | undefined): Pick<StoredChannelMember, "muted" | "banned"> {
  const { muted, banned } = standing ?? {};
  return { ...(muted === undefined ? {} : { muted }), ...(banned === undefined ? {} : { banned }) };
}

/** The one that holds now. */
export function inForce(
  standing: StoredChannelMember | undefined,
  kind: ChannelRestrictionKind,
  now: number,
): ChannelRestriction | undefined {
  const held = standing?.[kind];
  return held === undefined || (held.until !== undefined && held.until <= now) ? undefined : held;
}

/** Throws `muted_in_channel`. */
export function requireVoice({ record, members }: KnownChannel, member: string, now: number): void {
  const held = inForce(members.get(member), "muted", now);
  if (held !== undefined) throw restricted("muted_in_channel", `may not write in #${record.name}`, held);
}

/** Throws `banned_from_channel`. */
export function requireUnbanned({ record, members }: KnownChannel, member: string, now: number): void {
  const held = inForce(members.get(member), "banned", now);
  if (held !== undefined) throw restricted("banned_from_channel", `may not come into #${record.name}`, held);
}

function restricted(
  code: "muted_in_channel" | "banned_from_channel",
  what: string,
  { until, reason }: ChannelRestriction,
): ParleyError {
  const end = until === undefined ? "that is lifted" : new Date(until).toISOString();
  return new ParleyError(code, {
    message: `This member ${what} until ${end}${reason === undefined ? "" : ` (${reason})`}.`,
    data: until === undefined ? {} : { until },
  });
}
