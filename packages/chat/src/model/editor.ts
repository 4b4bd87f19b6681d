/** What is being written: a text and a place in it, counted in code units between whole characters. Never changed in place. */
import { graphemesOf, textWidth } from "../text/text-width.ts";

export interface Editor {
  readonly text: string;
  readonly cursor: number;
}

export const emptyEditor: Editor = { text: "", cursor: 0 };

/** Characters that may be written at once; a longer text belongs into an attachment. */
export const mostWritten = 32_768;

export const editorOf = (text: string): Editor => ({ text, cursor: text.length });

export function insert({ text, cursor }: Editor, added: string): Editor {
  const room = mostWritten - text.length;
  const kept = added.length <= room ? added : added.slice(0, Math.max(0, room));
  return { text: text.slice(0, cursor) + kept + text.slice(cursor), cursor: cursor + kept.length };
}

const before = ({ text, cursor }: Editor): readonly string[] => graphemesOf(text.slice(0, cursor));
const after = ({ text, cursor }: Editor): readonly string[] => graphemesOf(text.slice(cursor));

export const left = (editor: Editor): Editor => moved(editor, -(before(editor).at(-1)?.length ?? 0));
export const right = (editor: Editor): Editor => moved(editor, after(editor)[0]?.length ?? 0);

const moved = ({ text, cursor }: Editor, by: number): Editor => ({ text, cursor: cursor + by });

export const wordLeft = (editor: Editor): Editor => moved(editor, -lastWord(editor));

export function wordRight(editor: Editor): Editor {
  return moved(editor, /^\s*\S*/.exec(editor.text.slice(editor.cursor))?.[0].length ?? 0);
}

const lastWord = ({ text, cursor }: Editor): number => /\S*\s*$/.exec(text.slice(0, cursor))?.[0].length ?? 0;

export const lineStart = ({ text, cursor }: Editor): Editor => ({ text, cursor: startOf(text, cursor) });
export const lineEnd = ({ text, cursor }: Editor): Editor => ({ text, cursor: endOf(text, cursor) });

const startOf = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;
const endOf = (text: string, at: number): number => {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
};

export const backspace = (editor: Editor): Editor => erased(editor, before(editor).at(-1)?.length ?? 0);
export const eraseWord = (editor: Editor): Editor => erased(editor, lastWord(editor));
export const eraseToStart = (editor: Editor): Editor => erased(editor, editor.cursor - lineStart(editor).cursor);

function erased({ text, cursor }: Editor, count: number): Editor {
  return { text: text.slice(0, cursor - count) + text.slice(cursor), cursor: cursor - count };
}

export function eraseNext(editor: Editor): Editor {
  const { text, cursor } = editor;
  return { text: text.slice(0, cursor) + text.slice(cursor + (after(editor)[0]?.length ?? 0)), cursor };
}

/** One line up or down at about the same column; undefined when there is none. */
export function vertical({ text, cursor }: Editor, step: -1 | 1): Editor | undefined {
  const start = startOf(text, cursor);
  const target = step < 0 ? start - 1 : endOf(text, cursor) + 1;
  if (target < 0 || target > text.length) return undefined;
  const column = textWidth(text.slice(start, cursor));
  const lineBegins = startOf(text, target);
  let at = lineBegins;
  let used = 0;
  for (const grapheme of graphemesOf(text.slice(lineBegins, endOf(text, target)))) {
    used += textWidth(grapheme);
    if (used > column) break;
    at += grapheme.length;
  }
  return { text, cursor: at };
}

/** Puts a text in the place of what stands between a position and the cursor. */
export function replaceBack({ text, cursor }: Editor, from: number, by: string): Editor {
  return { text: text.slice(0, from) + by + text.slice(cursor), cursor: from + by.length };
}
