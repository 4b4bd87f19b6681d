/** Markdown without fenced code, in which nothing is a link, a heading or prose. */
function withoutFences(text: string): string {
  return text.replaceAll(/^(\s*)(```|~~~)[\s\S]*?^\s*\2/gm, "");
}

/** Targets of inline links, images and link definitions. */
export function linkTargets(text: string): readonly string[] {
  const prose = withoutFences(text).replaceAll(/`[^`\n]*`/g, "");
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const defined = [...prose.matchAll(/^\s*\[[^\]]+\]:\s*(\S+)/gm)];
  return [...inline, ...defined].map((match) => match[1] ?? "");
}

/** The anchors that GitHub gives a page's headings; a repeated heading gets `-1`, `-2`. */
export function headingAnchors(text: string): readonly string[] {
  const seen = new Map<string, number>();
  return [...withoutFences(text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, heading = ""]) => {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

/** What a page says in sentences: no code, no link targets, no addresses, no comments. Line numbers stay as they were. */
export function proseLines(text: string): readonly string[] {
  const blank = (match: string): string => match.replaceAll(/[^\n]/g, " ");
  return text
    .replaceAll(/^(\s*)(```|~~~)[\s\S]*?^\s*\2/gm, blank)
    .replaceAll(/<!--[\s\S]*?-->/g, blank)
    .replaceAll(/`[^`\n]*`/g, blank)
    .replaceAll(/\]\([^)]*\)/g, "]")
    .replaceAll(/^\s*\[[^\]]+\]:.*$/gm, "")
    .replaceAll(/https?:\/\/\S+/g, "")
    .split("\n");
}
