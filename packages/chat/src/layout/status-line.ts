import type { ChatState, Connection } from "../model/chat-state.ts";
import type { ScreenState } from "../screen/screen-state.ts";
import { type Line, type Span, span, spreadLine } from "../text/span.ts";
import { screenLine } from "../text/text-width.ts";
import type { Theme } from "../text/theme.ts";
import { counted } from "../text/words.ts";

/** Columns from which on an outage leaves room for hints. */
const roomy = 90;
const leastForHints = 36;

/** Where the device stands with the registry and the others; at its right what can be done, or what was done. */
export function statusLine(state: ChatState, screen: ScreenState, theme: Theme): Line {
  const { connection, restriction, links, me } = state;
  const left = [
    span(" "),
    ...connectionSpans(connection, screen.now, theme),
    ...(restriction === undefined ? [] : [span(` · ${restriction.kind} by an operator`, theme.danger)]),
    span(` · ${counted(links, "link")} · @${screenLine(me.name)}`, theme.muted),
  ];
  return spreadLine(left, [...rightSpans(state, screen, theme), span(" ")], screen.columns);
}

function connectionSpans({ state, error, retryAt }: Connection, now: number, theme: Theme): readonly Span[] {
  switch (state) {
    case "connected":
      return [span("●", theme.good), span(" connected")];
    case "connecting":
      return [span("◐", theme.warning), span(" connecting to the registry…")];
    case "waiting": {
      const seconds = retryAt === undefined ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1000));
      const again = seconds === 0 ? "" : `, again in ${seconds} s`;
      return [span("○ waiting for the registry", theme.danger), span(again)];
    }
    case "stopped":
      return [
        span("○ stopped", theme.danger),
        ...(error === undefined ? [] : [span(`: ${screenLine(error.message)}`)]),
      ];
  }
}

function rightSpans(
  { conversations, connection, asked }: ChatState,
  { toast, selected, columns, anchor }: ScreenState,
  theme: Theme,
): readonly Span[] {
  if (toast !== undefined)
    return [span(`${toast.bad ? "! " : ""}${screenLine(toast.text)}`, toast.bad ? theme.danger : theme.accent)];
  if (selected !== undefined)
    return [
      span(columns < roomy ? "r t + e d, ? help" : "r answer  t thread  + react  e edit  d retract  Esc", theme.muted),
    ];
  if (anchor !== undefined) return [span("↓ to the end (Esc)", theme.accent, { type: "bottom" })];
  if (connection.state === "waiting" && columns < roomy) return [];
  const mentions = [...conversations.values()].reduce((sum, one) => sum + one.mentions, 0);
  const called = mentions === 0 ? [] : [span(` ${counted(mentions, "mention")} `, theme.called), span("  ")];
  const waits = asked.size === 0 ? [] : [span(` ${asked.size} to answer: /approvals `, theme.called), span("  ")];
  if (columns < leastForHints) return [...waits, ...called];
  return [...waits, ...called, span(columns < 60 ? "? help" : "Ctrl+K go to  ? help", theme.muted)];
}
