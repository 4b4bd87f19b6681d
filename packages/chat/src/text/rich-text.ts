/** Marks what stands out in a text: names that are called, channels, addresses. */
import { lookKey } from "../model/look-alike.ts";
import type { Line, Span } from "./span.ts";
import { span } from "./span.ts";
import { screenText } from "./text-width.ts";
import type { Theme } from "./theme.ts";

const marked =
  /(?<![\p{L}\p{N}_@#/])(?:@(?:(?:role|all):)?[\p{L}\p{N}][\p{L}\p{N}._-]*|#[A-Za-z0-9_-]+)|https?:\/\/[^\s<>"]+/giu;

/** Characters of a text that are shown; the rest is counted. */
const mostShown = 20_000;

/** A text from outside as styled spans. `me`: the own name, which stands out most. */
export function richText(text: string, me: string, theme: Theme): Line {
  const shown = text.length > mostShown ? text.slice(0, mostShown) : text;
  const clean = screenText(shown);
  const spans: Span[] = [];
  let from = 0;
  for (const match of clean.matchAll(marked)) {
    const word = match[0].replace(/[.,;:!?]+$/, "");
    if (match.index > from) spans.push(span(clean.slice(from, match.index)));
    spans.push(span(word, styleOf(word, me, theme)));
    from = match.index + word.length;
  }
  if (from < clean.length) spans.push(span(clean.slice(from)));
  if (shown.length < text.length)
    spans.push(span(`\n… and ${text.length - shown.length} characters more`, theme.warning));
  return spans;
}

function styleOf(word: string, me: string, theme: Theme) {
  if (word.startsWith("#")) return theme.mention;
  if (!word.startsWith("@")) return theme.link;
  return lookKey(word.slice(1)) === lookKey(me) ? theme.called : theme.mention;
}
