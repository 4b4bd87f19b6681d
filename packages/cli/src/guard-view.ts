/** What guards hold back, in words. */
import type { AttentionMode, AttentionView, HeldClient, LoopStop } from "@parley/client";
import { visible } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { formatTime } from "./moment.ts";

export const attentionModes: readonly AttentionMode[] = ["open", "mentions", "do-not-disturb"];

const reasonText: Readonly<Record<LoopStop["reason"], string>> = {
  repeats: "the same again and again",
  acknowledges: "thanks and agreement only",
  "no-news": "nothing new",
};

export function printAttention({ out }: CommandContext, view: AttentionView): void {
  out.result({ mode: view.mode ?? "manifest", ...(view.until === undefined ? {} : { until: view.until }) }, () => {
    const until = view.until === undefined ? "" : `, until ${formatTime(view.until)}`;
    out.line(view.mode === undefined ? "what agent.yaml says" : `${view.mode}${until}`);
  });
}

export function printGuards(
  { out }: CommandContext,
  loops: readonly LoopStop[],
  held: readonly HeldClient[],
  requests: readonly string[],
): void {
  out.result({ loops, held, requests }, () => {
    if (loops.length + held.length + requests.length === 0) return out.line("Nothing is held back.");
    if (loops.length > 0)
      out.table(
        ["STANDS STILL", "SINCE", "WHY", "KEY"],
        loops.map(({ name, since, reason, conversation }) => [
          name,
          formatTime(since),
          reasonText[reason],
          conversation,
        ]),
      );
    if (held.length > 0)
      out.table(
        ["WAITS AT AN EDGE", "STANDING", "LAST HEARD", "ID"],
        held.map(({ name, edge, standing, at, id }) => [`${visible(name)} (${edge})`, standing, formatTime(at), id]),
      );
    if (requests.length > 0)
      out.table(
        ["MEMBER WAITS"],
        requests.map((name) => [name]),
      );
    if (loops.length > 0) out.note("parley guard resume CONVERSATION lets one go on.");
    if (held.length > 0) out.note("parley guard admit ID lets one reach the program.");
    if (requests.length > 0) out.note("parley contact accept @name takes a member's messages.");
  });
}
