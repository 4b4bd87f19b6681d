import type { SourceFile } from "./folder.ts";

/** A piece of a text between two headings, or of a text without any. */
export interface Section {
  readonly file: string;
  /** Headings from the outermost on, joined by ` › `; the file's name where there is none. */
  readonly heading: string;
  /** First and last line, from 1. */
  readonly line: number;
  readonly endLine: number;
  readonly text: string;
}

/** Lines of one section; a longer one is cut. */
const maxLines = 80;

/** Cuts a text at its Markdown headings (not those inside code), and where a section grows too long. */
export function sectionsOf({ name, text }: SourceFile): readonly Section[] {
  const sections: Section[] = [];
  const trail: string[] = [];
  let lines: string[] = [];
  let first = 1;
  let fenced = false;
  const close = (next: number): void => {
    const body = lines.join("\n").trim();
    const heading = trail.filter((part) => part !== "").join(" › ");
    if (body !== "")
      sections.push({
        file: name,
        heading: heading === "" ? name : heading,
        line: first,
        endLine: next - 1,
        text: body,
      });
    lines = [];
    first = next;
  };
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const heading = fenced ? undefined : headingOf(line);
    if (heading !== undefined) {
      close(index + 1);
      trail.length = Math.min(trail.length, heading.level - 1);
      while (trail.length < heading.level - 1) trail.push("");
      trail.push(heading.text);
    } else if (lines.length >= maxLines && line.trim() === "") close(index + 1);
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
    lines.push(line);
  }
  close(first + lines.length);
  return sections;
}

function headingOf(line: string): { readonly level: number; readonly text: string } | undefined {
  const marks = /^#{1,6}(?= )/.exec(line)?.[0];
  return marks === undefined ? undefined : { level: marks.length, text: line.slice(marks.length).trim() };
}
