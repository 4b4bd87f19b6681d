/** What lies over the conversation: a box with a title. */
import type { ChatModel } from "../model/chat-model.ts";
import { titleOf } from "../model/chat-state.ts";
import { commandHelp, foundLine, keyHelp } from "../model/command-runner.ts";
import { listedConversations } from "../model/conversation-list.ts";
import { fuzzyFilter } from "../model/fuzzy.ts";
import type { Overlay } from "../screen/screen-state.ts";
import { cutLine, type Line, padLine, span } from "../text/span.ts";
import { screenLine, textWidth } from "../text/text-width.ts";
import type { Theme } from "../text/theme.ts";
import { wrapSpans } from "../text/wrap.ts";
import { listPane } from "./list-pane.ts";

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly lines: readonly Line[];
  /** Where something is written in it. */
  readonly cursor: { readonly row: number; readonly column: number } | undefined;
}

const mostColumns = 86;

export function overlayPane(overlay: Overlay, model: ChatModel, theme: Theme, columns: number, rows: number): Box {
  const width = columns <= mostColumns + 6 ? columns : mostColumns;
  const inner = width - 4;
  const room = rows - 4;
  const { title, lines, foot } = contentOf(overlay, model, theme, inner, room);
  const shown = lines.slice(0, room);
  const framed = [
    edge("╭", title, "╮", width, theme),
    ...shown.map((line): Line => [span("│ ", theme.muted), ...padLine(line, inner), span(" │", theme.muted)]),
    edge("╰", foot, "╯", width, theme),
  ];
  const top = Math.max(0, Math.floor((rows - framed.length) / 3));
  const left = Math.floor((columns - width) / 2);
  const writes = overlay.type === "switch" ? { row: 1, column: 4 + queryColumns(overlay) } : undefined;
  return { left, top, width, lines: framed, cursor: writes };
}

const queryColumns = ({ query }: Overlay & { type: "switch" }): number => textWidth(query.text.slice(0, query.cursor));

function edge(first: string, title: string, last: string, width: number, theme: Theme): Line {
  const words = title === "" ? [] : [span(` ${title} `, theme.strong)];
  const line = cutLine([span(`${first}─`, theme.muted), ...words], width - 1);
  const used = line.reduce((sum, { text }) => sum + textWidth(text), 0);
  return [...line, span("─".repeat(Math.max(0, width - 1 - used)) + last, theme.muted)];
}

interface Content {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly foot: string;
}

function contentOf(overlay: Overlay, model: ChatModel, theme: Theme, width: number, rows: number): Content {
  switch (overlay.type) {
    case "help":
      return scrolled("Keys and commands", helpLines(theme, width), overlay.top, rows);
    case "page":
      return scrolled(
        overlay.title,
        overlay.lines.flatMap((line) => wrapSpans(line, width)),
        overlay.top,
        rows,
      );
    case "list":
      return { title: "Conversations", lines: listPane(model.state, theme, width, rows), foot: "Enter" };
    case "switch":
      return { title: "Go to", lines: switchLines(overlay, model, theme, rows), foot: "Enter goes there, Esc" };
    case "found": {
      const { messages, index, query } = overlay;
      const from = Math.max(0, index - rows + 1);
      const lines = messages
        .slice(from, from + rows)
        .map((message, at) => pickLine(foundLine(model, message), at + from, index, theme));
      const none: Line = [span("nothing", theme.muted)];
      return {
        title: `Found: ${screenLine(query)}`,
        lines: lines.length === 0 ? [none] : lines,
        foot: "Enter opens, Esc",
      };
    }
  }
}

function scrolled(title: string, lines: readonly Line[], top: number, rows: number): Content {
  const from = Math.max(0, Math.min(top, lines.length - rows));
  const more = lines.length > rows ? "PgUp PgDn, Esc" : "Esc";
  return { title, lines: lines.slice(from, from + rows), foot: more };
}

const pickLine = (line: Line, at: number, index: number, theme: Theme): Line =>
  [span(at === index ? "▸ " : "  ", theme.accent), ...line].map((part) => ({
    ...part,
    target: { type: "choice", index: at },
    style: at === index ? { ...part.style, bold: true } : part.style,
  }));

function helpLines(theme: Theme, width: number): readonly Line[] {
  const rowsOf = (entries: readonly (readonly [string, string])[]): readonly Line[] =>
    entries.flatMap(([what, means]) => {
      const column = Math.min(28, Math.floor(width * 0.4));
      const rest = wrapSpans([span(means)], width - column);
      return rest.map((line, index): Line => [
        ...padLine(index === 0 ? [span(what, theme.strong)] : [], column),
        ...line,
      ]);
    });
  return [...rowsOf(keyHelp), [], ...rowsOf(commandHelp())];
}

/** Conversations that fit what was written, the best first; with nothing written those with something new, then the newest. */
export function switchChoices(
  query: string,
  model: ChatModel,
): readonly { readonly key: string; readonly title: string }[] {
  const listed = listedConversations(model.state).toSorted(
    (one, other) =>
      other.mentions - one.mentions || Number(other.unread > 0) - Number(one.unread > 0) || other.active - one.active,
  );
  const choices = listed.map((one) => ({ key: one.key, title: titleOf(one) }));
  return fuzzyFilter(query, choices, ({ title }) => title).slice(0, mostChoices);
}

const mostChoices = 50;

function switchLines(
  { query, index }: Overlay & { type: "switch" },
  model: ChatModel,
  theme: Theme,
  rows: number,
): readonly Line[] {
  const choices = switchChoices(query.text, model);
  const room = Math.min(12, rows - 2);
  const from = Math.max(0, index - room + 1);
  const lines = choices.slice(from, from + room).map(({ key, title }, at): Line => {
    const { unread = 0, mentions = 0 } = model.state.conversations.get(key) ?? {};
    const news = unread === 0 ? "" : mentions > 0 ? `  @${mentions} of ${unread}` : `  ${unread}`;
    return pickLine([span(screenLine(title)), span(news, theme.muted)], at + from, index, theme);
  });
  const none: Line = [span(`  nothing fits; Enter looks for @${screenLine(query.text)}`, theme.muted)];
  return [[span("› ", theme.accent), span(screenLine(query.text))], [], ...(lines.length === 0 ? [none] : lines)];
}
