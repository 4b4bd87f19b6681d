import type { Key } from "ink";

import type { KeyPress } from "../screen/key-press.ts";

const named = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "pageup"],
  ["pageDown", "pagedown"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["tab", "tab"],
  ["escape", "escape"],
  ["backspace", "backspace"],
  ["delete", "delete"],
] as const satisfies readonly (readonly [keyof Key, KeyPress["name"]])[];

/** A key as Ink tells it; undefined for one that means nothing here. */
export function keyOfInk(input: string, key: Key): KeyPress | undefined {
  const { ctrl, meta: alt, shift } = key;
  const special = named.find(([flag]) => key[flag])?.[1];
  // Ink says that Esc alone is Esc with Alt held.
  if (special === "escape") return { name: "escape", text: "", ctrl: false, alt: false, shift: false };
  if (special !== undefined) return { name: special, text: "", ctrl, alt, shift };
  // Ctrl+J is a line feed to a terminal.
  if (input === "\n") return { name: "text", text: "j", ctrl: true, alt: false, shift: false };
  if (input === "" || /^[\p{Cc}]/u.test(input)) return undefined;
  return { name: "text", text: ctrl || alt ? input.toLowerCase() : input, ctrl, alt, shift };
}
