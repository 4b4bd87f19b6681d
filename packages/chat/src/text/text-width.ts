/** How many columns of a terminal text takes, and text made so that every terminal agrees about that. */
import { visible } from "@parley/protocol";
import stringWidth from "string-width";

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const plain = /^[\u0020-\u007E]*$/;

export function graphemesOf(text: string): readonly string[] {
  return plain.test(text) ? Array.from(text) : Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Graphemes whose width is remembered. */
const mostRemembered = 4096;
const remembered = new Map<string, number>();

function graphemeWidth(grapheme: string): number {
  const known = remembered.get(grapheme);
  if (known !== undefined) return known;
  const width = stringWidth(grapheme);
  if (remembered.size >= mostRemembered) remembered.clear();
  remembered.set(grapheme, width);
  return width;
}

export function textWidth(text: string): number {
  if (plain.test(text)) return text.length;
  return graphemesOf(text).reduce((sum, grapheme) => sum + graphemeWidth(grapheme), 0);
}

const tabColumns = "    ";
/** More marks on one character than any script needs paint over the lines around it. */
const pile = /(\p{M}{3})\p{M}+/gu;

/**
 * Text from outside as it may stand on a screen: neutralised, without what would change its width from terminal to terminal.
 * Emoji that are joined of several stand side by side, and take their plain form: terminals disagree about all else.
 */
export function screenText(text: string): string {
  const seen = visible(text.replaceAll("\r\n", "\n")).replaceAll("\t", tabColumns);
  if (plain.test(seen)) return seen;
  return seen
    .replaceAll(/(?<=\p{Extended_Pictographic}\p{Emoji_Modifier}?\uFE0F?)\u200D/gu, "")
    .replaceAll(/[\uFE00-\uFE0F]/g, "")
    .replaceAll(/(?<=\p{Extended_Pictographic})\p{Emoji_Modifier}/gu, "")
    .replaceAll(pile, "$1")
    .replaceAll(/(^|[\n ])(?=\p{M})/gu, "$1\u25CC");
}

/** The same in one line. */
export const screenLine = (text: string): string => screenText(text).replaceAll(/ *\n */g, " ");
