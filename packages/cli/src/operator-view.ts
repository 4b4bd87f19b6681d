/** Operators, and what becomes of a wish for others, as commands show them. */
import type { OperatorView, ProposalView, SetChange } from "@parley/client";

import { dayOf } from "./admission-life.ts";
import type { CommandContext } from "./command-context.ts";

export const nameOf = ({ name, member }: Pick<OperatorView, "name" | "member">): string =>
  name === undefined ? member.slice(0, 8) : `@${name}`;

/** `@ada comes in, @bob (admin) goes`. */
export function changeText({ added, removed }: ProposalView): string {
  return [
    ...added.map((operator) => `${nameOf(operator)} is operator${operator.admin ? " with admin" : ""}`),
    ...removed.map((operator) => `${nameOf(operator)} is none any more`),
  ].join(", ");
}

/** A set that is changed, or what it waits for. */
export function showSetChange({ out }: CommandContext, change: SetChange, done: string): void {
  if (change.state === "changed")
    return out.result({ state: change.state, number: change.number }, () =>
      out.line(`${done} (set ${change.number} of operators).`),
    );
  const { proposal, approved, needed, expires } = change.proposal;
  const missing = Math.max(0, needed - approved.length);
  out.result({ state: change.state, proposal, approved: approved.length, needed, expires }, () => {
    if (missing > 0) {
      out.line(`Proposed: it waits for ${missing} more operator${missing === 1 ? "" : "s"}, until ${dayOf(expires)}.`);
      out.line(`They run: parley operator approve ${proposal}`);
    } else {
      out.line("Enough operators agree.");
      out.line(`An operator with the role admin runs: parley operator apply ${proposal}`);
    }
  });
}
