import type { ChatState, Conversation } from "../model/chat-state.ts";
import { type Line, padLine, span } from "../text/span.ts";
import { screenLine } from "../text/text-width.ts";
import type { Theme } from "../text/theme.ts";
import { counted, protectionWords } from "../text/words.ts";
import { wrapSpans } from "../text/wrap.ts";
import { presenceMark } from "./list-pane.ts";

/** Who is in a channel, or who the other side is. */
export function sidePane(conversation: Conversation, state: ChatState, theme: Theme, width: number, rows: number) {
  const lines =
    conversation.kind === "channel"
      ? channelLines(conversation, theme, width)
      : memberLines(conversation, state, theme, width);
  return lines.slice(0, rows).map((line) => padLine(line, width));
}

function channelLines({ people, channel }: Conversation, theme: Theme, width: number): readonly Line[] {
  const sorted = (people ?? []).toSorted(
    (one, other) => Number(other.present) - Number(one.present) || ((one.name ?? "") < (other.name ?? "") ? -1 : 1),
  );
  const lines = sorted.map(({ name, member, kind, present, owner }): Line => [
    span(" "),
    presenceMark(present ? "connected" : "offline", theme),
    span(` ${screenLine(name ?? member.slice(0, 8))}`, present ? undefined : theme.muted),
    span([kind === "agent" ? " agent" : "", owner ? " owner" : ""].join(""), theme.muted),
  ]);
  const count = people?.length ?? channel?.members ?? 0;
  return [
    [span(` ${counted(count, "member")}`, theme.muted)],
    [],
    ...lines,
    [],
    ...channelFacts(channel, theme, width),
  ];
}

function channelFacts(channel: Conversation["channel"], theme: Theme, width: number): readonly Line[] {
  if (channel === undefined) return [];
  const facts = [
    protectionWords(channel.encrypted ? "group" : "signed"),
    channel.history === "all" ? "newcomers may read what is kept" : "newcomers read what comes after them",
  ];
  return facts.flatMap((fact) => wrapSpans([span(fact, theme.muted)], width - 2).map((line) => [span(" "), ...line]));
}

function memberLines(
  { key, name, contact }: Conversation,
  state: ChatState,
  theme: Theme,
  width: number,
): readonly Line[] {
  const person = state.people.get(key.slice(1));
  const presence = [person?.presence ?? "not known", person?.availability]
    .filter((word) => word !== undefined)
    .join(", ");
  const facts: readonly (readonly [string, string])[] = [
    ["", person?.kind ?? ""],
    ["", presence],
    ["key ", contact?.trust ?? "not known"],
    ["secret ", contact?.secret ?? "none"],
  ];
  return [
    [span(" "), presenceMark(person?.presence, theme), span(` ${screenLine(name)}`, theme.strong)],
    [],
    ...facts
      .filter(([, value]) => value !== "")
      .map(([word, value]): Line => [
        span(` ${word}`, theme.muted),
        span(value, value === "changed" ? theme.danger : undefined),
      ]),
    [],
    ...wrapSpans([span(key.slice(1), theme.muted)], width - 2).map((line): Line => [span(" "), ...line]),
  ];
}
