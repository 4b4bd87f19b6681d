import type { Line, Span } from "./span.ts";
import { graphemesOf, textWidth } from "./text-width.ts";

interface Cell {
  readonly text: string;
  readonly width: number;
  readonly of: Span;
}

/** Lines that one text takes at most; when there are more, the last one says so. */
const mostWrappedLines = 400;
const cutShort: Line = [{ text: "… the rest is not shown", style: { dim: true } }];

/** Breaks styled text at its line feeds and, between words where it can, at a width. At least one line. */
export function wrapSpans(spans: Line, width: number): readonly Line[] {
  const room = Math.max(1, width);
  const lines: Line[] = [];
  for (const paragraph of paragraphsOf(spans)) {
    lines.push(...wrapCells(paragraph, room).map(lineOf));
    if (lines.length > mostWrappedLines) break;
  }
  return lines.length <= mostWrappedLines ? lines : [...lines.slice(0, mostWrappedLines - 1), cutShort];
}

function paragraphsOf(spans: Line): readonly (readonly Cell[])[] {
  const paragraphs: Cell[][] = [[]];
  for (const of of spans) {
    for (const text of graphemesOf(of.text)) {
      if (text === "\n") paragraphs.push([]);
      else paragraphs.at(-1)?.push({ text, width: textWidth(text), of });
    }
  }
  return paragraphs;
}

function wrapCells(cells: readonly Cell[], width: number): readonly (readonly Cell[])[] {
  const lines: (readonly Cell[])[] = [];
  let rest = cells;
  for (;;) {
    const fits = countThatFit(rest, width);
    if (fits >= rest.length) return [...lines, rest];
    const space = lastSpace(rest, fits);
    const end = space === undefined ? Math.max(1, fits) : space;
    lines.push(rest.slice(0, end));
    rest = rest.slice(space === undefined ? end : end + 1);
    if (lines.length > mostWrappedLines) return lines;
  }
}

function countThatFit(cells: readonly Cell[], width: number): number {
  let used = 0;
  for (const [index, cell] of cells.entries()) {
    used += cell.width;
    if (used > width) return index;
  }
  return cells.length;
}

/** Where to break: a space at the end of what fits, or before it, but not at the very beginning. */
function lastSpace(cells: readonly Cell[], fits: number): number | undefined {
  for (let index = fits; index > 0; index--) if (cells[index]?.text === " ") return index;
  return undefined;
}

function lineOf(cells: readonly Cell[]): Line {
  const spans: Span[] = [];
  let last: Span | undefined;
  for (const { text, of } of cells) {
    const joined = spans.at(-1);
    if (last === of && joined !== undefined) spans[spans.length - 1] = { ...joined, text: joined.text + text };
    else spans.push({ ...of, text });
    last = of;
  }
  return spans;
}
