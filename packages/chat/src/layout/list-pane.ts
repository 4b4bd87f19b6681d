import type { ChatState, Conversation, Person } from "../model/chat-state.ts";
import { sectionsOf } from "../model/conversation-list.ts";
import { cutLine, type Line, padLine, span, spreadLine, type Target } from "../text/span.ts";
import { screenLine } from "../text/text-width.ts";
import type { Theme } from "../text/theme.ts";

/** Presence has a form besides its colour. */
export function presenceMark(presence: Person["presence"], theme: Theme) {
  if (presence === "connected") return span("●", theme.good);
  if (presence === "stale") return span("◐", theme.warning);
  return span("○", theme.muted);
}

/** Channels, direct messages and requests, with what is new in each. As many rows as asked for, around the current one. */
export function listPane(state: ChatState, theme: Theme, width: number, rows: number): readonly Line[] {
  const lines: Line[] = [];
  let current = 0;
  for (const { title, conversations } of sectionsOf(state)) {
    if (conversations.length === 0 && title === "Requests") continue;
    if (lines.length > 0) lines.push([]);
    lines.push([span(` ${title}`, theme.muted)]);
    if (conversations.length === 0) lines.push([span(state.ready ? "   none" : "   …", theme.muted)]);
    for (const conversation of conversations) {
      if (conversation.key === state.current) current = lines.length;
      lines.push(entryLine(conversation, state, theme, width));
    }
  }
  const top = Math.max(0, Math.min(current - Math.floor(rows / 2), lines.length - rows));
  return lines.slice(top, top + rows).map((line) => padLine(line, width));
}

function entryLine(conversation: Conversation, state: ChatState, theme: Theme, width: number): Line {
  const { key, kind, name, contact, unread, mentions } = conversation;
  const isCurrent = key === state.current;
  const target: Target = { type: "conversation", key };
  const whole = isCurrent ? theme.selected : {};
  const base = { ...(unread > 0 ? theme.strong : {}), ...whole };
  const sign =
    kind === "channel"
      ? span(conversation.channel?.encrypted === true ? "⊕" : "#", theme.muted)
      : presenceMark(state.people.get(key.slice(1))?.presence, theme);
  const flag = contact?.trust === "changed" ? "!" : "";
  const writes = conversation.typing.length > 0 ? "…" : "";
  const count = [mentions > 0 ? `@${short(mentions)}` : "", unread > mentions ? short(unread - mentions) : ""]
    .filter((part) => part !== "")
    .join(" ");
  const right = [
    ...(flag + writes === "" ? [] : [span(flag + writes, theme.warning)]),
    ...(count === "" ? [] : [span(` ${count}`, mentions > 0 ? { ...theme.mention } : theme.strong)]),
    span(" "),
  ];
  const left = [span(isCurrent ? "▸" : " ", theme.strong), sign, span(" "), span(screenLine(name), base)];
  const line = padLine(cutLine(spreadLine(left, right, width), width), width);
  // Colours of marks would be backgrounds there.
  const style = unread > 0 ? { ...theme.strong, ...theme.selected } : theme.selected;
  return line.map((part) => ({ ...part, target, style: isCurrent ? style : part.style }));
}

const short = (count: number): string => (count > 99 ? "99+" : String(count));
