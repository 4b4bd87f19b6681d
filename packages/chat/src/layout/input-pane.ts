import type { Conversation } from "../model/chat-state.ts";
import { titleOf } from "../model/chat-state.ts";
import type { Completion } from "../model/completion.ts";
import type { Editor } from "../model/editor.ts";
import type { Writing } from "../screen/screen-state.ts";
import { type Line, lineWidth, padLine, span } from "../text/span.ts";
import { graphemesOf, screenLine, screenText, textWidth } from "../text/text-width.ts";
import type { Theme } from "../text/theme.ts";
import { authorName } from "../text/words.ts";
import { rule } from "./timeline.ts";

export interface InputPane {
  readonly lines: readonly Line[];
  /** Where the cursor stands. */
  readonly row: number;
  readonly column: number;
}

/** Rows that what is written takes at most. */
const mostRows = 6;

/** What is written, and the cursor in it. */
export function inputPane(
  editor: Editor,
  writing: Writing,
  inThread: boolean,
  hint: string,
  theme: Theme,
  width: number,
): InputPane {
  const prompt = promptOf(writing, inThread, theme);
  const indent = lineWidth(prompt);
  const room = Math.max(4, width - indent - 1);
  const { rows, row, column } = laidOut(editor, room);
  const top = Math.max(0, Math.min(row - mostRows + 1, rows.length - mostRows));
  const shown = rows.slice(top, top + mostRows);
  const isEmpty = editor.text === "";
  const lines = shown.map((text, index): Line => {
    const lead = index === 0 && top === 0 ? prompt : [span(" ".repeat(indent))];
    return padLine([...lead, isEmpty ? span(hint, theme.muted) : span(text)], width);
  });
  return { lines, row: row - top, column: indent + column };
}

function promptOf(writing: Writing, inThread: boolean, theme: Theme): Line {
  switch (writing.type) {
    case "say":
      return [span(inThread ? " thread › " : " › ", theme.accent)];
    case "edit":
      return [span(" edit › ", theme.warning)];
    case "react":
      return [span(" react › ", theme.warning)];
    case "answer":
      return [span(` ↳ ${screenLine(authorName(writing.message))} › `, theme.accent)];
  }
}

/** Breaks at the width, not between words, so that the cursor never jumps while somebody writes. */
function laidOut({ text, cursor }: Editor, width: number) {
  const rows: string[] = [""];
  let at = 0;
  let used = 0;
  let place = { row: 0, column: 0 };
  for (const grapheme of graphemesOf(text)) {
    if (at === cursor) place = { row: rows.length - 1, column: used };
    at += grapheme.length;
    if (grapheme === "\n") {
      rows.push("");
      used = 0;
      continue;
    }
    const shown = screenText(grapheme);
    const columns = textWidth(shown);
    if (used + columns > width) {
      if (place.row === rows.length - 1 && place.column === used && at - grapheme.length === cursor)
        place = { row: rows.length, column: 0 };
      rows.push("");
      used = 0;
    }
    rows[rows.length - 1] += shown;
    used += columns;
  }
  if (at === cursor) place = { row: rows.length - 1, column: used };
  return { rows, ...place };
}

/** The line above what is written: who else writes, what Tab offers, or nothing but a line. */
export function infoLine(
  conversation: Conversation | undefined,
  completion: Completion | undefined,
  theme: Theme,
  width: number,
): Line {
  if (completion !== undefined) {
    const offered = completion.candidates.flatMap((word, index) => [
      span(index === 0 ? " " : "  "),
      span(screenLine(word), index === completion.index ? theme.selected : theme.strong, { type: "choice", index }),
    ]);
    return padLine([...offered, span(" ")], width);
  }
  return rule(typingWords(conversation), theme.muted, width);
}

function typingWords(conversation: Conversation | undefined): string {
  const names = conversation?.typing.map(({ name }) => screenLine(name)) ?? [];
  if (names.length === 0) return "";
  if (names.length > 3) return "several people write…";
  return `${names.join(", ")} ${names.length === 1 ? "writes" : "write"}…`;
}

/** What stands where nothing is written yet. */
export function hintOf(conversation: Conversation | undefined, writing: Writing, inThread: boolean): string {
  if (writing.type === "react") return "an emoji, then Enter";
  if (conversation === undefined) return "Ctrl+K goes to a conversation, /join #channel, /msg @name";
  if (conversation.contact?.standing === "request")
    return `/accept or /block ${screenLine(titleOf(conversation))} first`;
  if (inThread) return "Answer in the thread";
  return `Write to ${screenLine(titleOf(conversation))}`;
}
