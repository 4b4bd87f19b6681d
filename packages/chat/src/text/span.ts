/** Styled text: lines are made of spans, and know nothing of a terminal until they are painted. */
import { graphemesOf, textWidth } from "./text-width.ts";

/** The sixteen colours of a terminal, which its owner chose; nothing else is used. */
export type Color =
  | "red"
  | "green"
  | "yellow"
  | "blue"
  | "magenta"
  | "cyan"
  | "brightRed"
  | "brightGreen"
  | "brightYellow"
  | "brightBlue"
  | "brightMagenta"
  | "brightCyan";

export interface Style {
  readonly color?: Color;
  readonly bold?: true;
  readonly dim?: true;
  readonly italic?: true;
  readonly underline?: true;
  readonly inverse?: true;
}

/** What a click on a span means. */
export type Target =
  | { readonly type: "conversation"; readonly key: string }
  | { readonly type: "message"; readonly id: string }
  | { readonly type: "thread"; readonly id: string }
  | { readonly type: "accept" | "block"; readonly member: string }
  | { readonly type: "choice"; readonly index: number }
  | { readonly type: "bottom" };

export interface Span {
  readonly text: string;
  readonly style?: Style | undefined;
  readonly target?: Target | undefined;
}

export type Line = readonly Span[];

export const span = (text: string, style?: Style, target?: Target): Span => ({ text, style, target });

/** Columns that a line takes. */
export const lineWidth = (line: Line): number => line.reduce((sum, { text }) => sum + textWidth(text), 0);

/** At most so many columns; what is cut ends in an ellipsis. */
export function cutLine(line: Line, width: number): Line {
  if (width <= 0) return [];
  if (lineWidth(line) <= width) return line;
  const cut: Span[] = [];
  let left = width - 1;
  for (const part of line) {
    const kept = cutText(part.text, left);
    if (kept !== "") cut.push({ ...part, text: kept });
    left -= textWidth(kept);
    if (kept !== part.text) break;
  }
  return [...cut, { text: "…", style: cut.at(-1)?.style }];
}

/** Exactly so many columns. */
export function padLine(line: Line, width: number, style?: Style): Line {
  const cut = cutLine(line, width);
  const missing = width - lineWidth(cut);
  return missing > 0 ? [...cut, span(" ".repeat(missing), style)] : cut;
}

/** What the first part of a line keeps where there is no room for both. */
const leftShare = 0.55;

/** Two parts of a line at its two ends, both cut when there is no room for them. */
export function spreadLine(left: Line, right: Line, width: number): Line {
  const kept = cutLine(right, width - Math.min(lineWidth(left), Math.ceil(width * leftShare)));
  const room = width - lineWidth(kept);
  return [...padLine(left, kept.length === 0 ? room : Math.max(0, room - 1)), ...gap(kept, room), ...kept];
}

const gap = (kept: Line, room: number): Line => (kept.length > 0 && room > 0 ? [span(" ")] : []);

/** As many whole characters as fit into so many columns. */
function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let left = width;
  for (const grapheme of graphemesOf(text)) {
    left -= textWidth(grapheme);
    if (left < 0) break;
    kept += grapheme;
  }
  return kept;
}

/** The span of a line at a column, counted from 0. */
export function spanAt(line: Line, column: number): Span | undefined {
  let end = 0;
  for (const part of line) {
    end += textWidth(part.text);
    if (column < end) return part;
  }
  return undefined;
}
