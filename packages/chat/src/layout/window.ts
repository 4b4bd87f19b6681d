/** Which lines of a timeline are on the screen, and what scrolling does to that. */
import type { Anchor } from "../screen/screen-state.ts";
import type { Line } from "../text/span.ts";
import type { Block } from "./timeline.ts";

const total = (blocks: readonly Block[]): number => blocks.reduce((sum, { lines }) => sum + lines.length, 0);

/** Lines up to the last one that is shown. An anchor whose block is gone counts as the end. */
function endOf(blocks: readonly Block[], height: number, anchor: Anchor | undefined): number {
  const all = total(blocks);
  if (anchor === undefined) return all;
  let before = 0;
  for (const { key, lines } of blocks) {
    if (key === anchor.key) return Math.max(Math.min(height, all), before + Math.min(anchor.lines, lines.length));
    before += lines.length;
  }
  return all;
}

/** Exactly `height` lines; what is missing stands empty above. */
export function visibleLines(blocks: readonly Block[], height: number, anchor: Anchor | undefined): readonly Line[] {
  const end = endOf(blocks, height, anchor);
  const start = Math.max(0, end - height);
  const lines: Line[] = [];
  let before = 0;
  for (const block of blocks) {
    const next = before + block.lines.length;
    if (next > start && before < end) lines.push(...block.lines.slice(Math.max(0, start - before), end - before));
    before = next;
  }
  return [...Array.from({ length: Math.max(0, height - lines.length) }, (): Line => []), ...lines];
}

export interface Scrolled {
  readonly anchor: Anchor | undefined;
  /** The first line that there is, is on the screen. */
  readonly atStart: boolean;
}

/** Moves by so many lines, up when negative. */
export function scrolledBy(blocks: readonly Block[], height: number, anchor: Anchor | undefined, by: number): Scrolled {
  const all = total(blocks);
  const least = Math.min(height, all);
  const end = Math.max(least, Math.min(all, endOf(blocks, height, anchor) + by));
  return { anchor: end >= all ? undefined : anchorAt(blocks, end), atStart: end <= height };
}

function anchorAt(blocks: readonly Block[], end: number): Anchor | undefined {
  let before = 0;
  for (const { key, lines } of blocks) {
    if (end <= before + lines.length) return { key, lines: Math.max(1, end - before) };
    before += lines.length;
  }
  return undefined;
}

/** With a block's first line at the top; undefined when the end is on the screen then. */
export function anchorBelow(blocks: readonly Block[], height: number, key: string): Anchor | undefined {
  let before = 0;
  for (const block of blocks) {
    if (block.key === key) {
      const end = before + height;
      return end >= total(blocks) ? undefined : anchorAt(blocks, end);
    }
    before += block.lines.length;
  }
  return undefined;
}

/** Moves as little as is needed to show a block, its end first. */
export function scrolledTo(
  blocks: readonly Block[],
  height: number,
  anchor: Anchor | undefined,
  key: string,
): Scrolled {
  const end = endOf(blocks, height, anchor);
  let before = 0;
  for (const block of blocks) {
    const next = before + block.lines.length;
    if (block.key === key) {
      if (next > end) return scrolledBy(blocks, height, anchor, next - end);
      if (before < end - height)
        return scrolledBy(blocks, height, anchor, Math.min(before + height, next + height) - end);
      return { anchor, atStart: end <= height };
    }
    before = next;
  }
  return { anchor, atStart: false };
}
