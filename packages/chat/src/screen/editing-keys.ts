import {
  backspace,
  type Editor,
  eraseNext,
  eraseToStart,
  eraseWord,
  insert,
  left,
  lineEnd,
  lineStart,
  right,
  wordLeft,
  wordRight,
} from "../model/editor.ts";
import type { KeyPress } from "./key-press.ts";

const withCtrl: Readonly<Record<string, (editor: Editor) => Editor>> = {
  a: lineStart,
  b: left,
  e: lineEnd,
  f: right,
  h: backspace,
  u: eraseToStart,
  w: eraseWord,
};

/** What a key does to what is written; undefined when it has nothing to do with it. */
export function edited(editor: Editor, key: KeyPress): Editor | undefined {
  const { name, text, ctrl, alt } = key;
  if (name === "text") {
    if (ctrl) return withCtrl[text]?.(editor);
    if (alt) return undefined;
    return insert(editor, text);
  }
  if (name === "backspace") return alt || ctrl ? eraseWord(editor) : backspace(editor);
  if (name === "delete") return eraseNext(editor);
  // Words with Shift: Alt and Ctrl with arrows go from conversation to conversation.
  if (key.shift && name === "left") return wordLeft(editor);
  if (key.shift && name === "right") return wordRight(editor);
  if (ctrl || alt) return undefined;
  if (name === "left") return left(editor);
  if (name === "right") return right(editor);
  if (name === "home") return lineStart(editor);
  if (name === "end") return lineEnd(editor);
  return undefined;
}

/** Pasted text: its line feeds are kept, what steers a terminal is not taken in at all. */
export function pasted(editor: Editor, text: string): Editor {
  return insert(editor, text.replaceAll(/\r\n?/g, "\n").replaceAll(/[^\P{Cc}\n\t]/gu, ""));
}
