/** What operators put members under, as commands show it. */
import type { MemberView } from "@parley/client";
import type { MeshTrust, Restriction } from "@parley/core";

import { formatMoment } from "./moment.ts";

/** What a member is under now; undefined when nothing. */
export const restrictionOf = (trust: MeshTrust, member: Pick<MemberView, "member" | "kind">): Restriction | undefined =>
  trust.restrictions.of(member, Date.now());

/** `paused until 14:03:22 (looks odd)`. */
export function restrictionText({ kind, until, reason }: Restriction): string {
  const end = until === undefined ? "" : ` until ${formatMoment(until, Date.now())}`;
  return `${kind}${end}${reason === undefined ? "" : ` (${reason})`}`;
}

/** For programs. */
export function restrictionJson(restriction: Restriction | undefined): { readonly restriction?: Partial<Restriction> } {
  if (restriction === undefined) return {};
  const { kind, at, until, reason } = restriction;
  return {
    restriction: {
      kind,
      at,
      ...(until === undefined ? {} : { until }),
      ...(reason === undefined ? {} : { reason }),
    },
  };
}
