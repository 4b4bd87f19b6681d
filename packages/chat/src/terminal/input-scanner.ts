/** Takes a terminal's input apart: what a mouse, the window and the terminal itself said, and the keys, one by one. */

export type InputPart =
  /** One key, a run of text, or a paste between its brackets. */
  | { readonly type: "keys"; readonly keys: string }
  /** A mouse report (xterm's SGR mode, 1006); column and row counted from 1. */
  | {
      readonly type: "mouse";
      readonly button: number;
      readonly column: number;
      readonly row: number;
      readonly released: boolean;
    }
  | { readonly type: "focus"; readonly focused: boolean }
  /** The answer to OSC 11: `rgb:RRRR/GGGG/BBBB`. */
  | { readonly type: "background"; readonly colour: string };

/** Characters of one paste; what is more is dropped. */
export const mostPasted = 65_536;

const pasteStart = "\u001B[200~";
const pasteEnd = "\u001B[201~";

// Each begins where the one before ended. Control characters are keys of their own, so that a line typed ahead is not one word.
// Escape, and what may end a string of the terminal's own: written so that no pattern holds a control character.
const esc = String.raw`\u001B`;
const ended = String.raw`(?:\u0007|\u001B\\)`;
const spoken = String.raw`[^\p{Cc}]{0,64}`;
const mouse = new RegExp(`${esc}${String.raw`\[<(\d{1,4});(\d{1,5});(\d{1,5})([Mm])`}`, "y");
const focus = new RegExp(`${esc}${String.raw`\[([IO])`}`, "y");
const background = new RegExp(`${esc}\\]11;(${spoken})${ended}`, "uy");
const control = String.raw`\[[0-?]{0,32}[ -/]{0,8}[@-~]|O[0-9;]{0,8}[@-~]`;
const sequence = new RegExp(`${esc}(?:${esc}?(?:${control})|[^[\\]O${esc}])`, "uy");
/** What a terminal tells is never a key with Alt: an Esc before it was pressed for itself. */
const told = new RegExp(`${esc}(?=${esc}(?:\\[<\\d|\\[[IO]|\\[200~|\\]11;))`, "y");
const text = /\P{Cc}+/uy;
/** What could still become a whole sequence: more may be on its way. */
const unfinished = new RegExp(
  `${esc}(?:${esc}?(?:\\[[<0-?]{0,32}[ -/]{0,8}|O[0-9;]{0,8})?|\\](?:1|11|11;${spoken}${esc}?)?)$`,
  "uy",
);

export class InputScanner {
  #rest = "";
  #paste: string | undefined;

  /** Something was begun that may go on, such as Esc alone. */
  get pending(): boolean {
    return this.#rest !== "";
  }

  /** Nothing more came: what was begun is what it is. */
  flush(): readonly InputPart[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [{ type: "keys", keys: rest }];
  }

  push(chunk: string): readonly InputPart[] {
    const parts: InputPart[] = [];
    let input = this.#rest + chunk;
    this.#rest = "";
    while (input !== "") {
      if (this.#paste !== undefined) input = this.#pasted(input, this.#paste, parts);
      else if (input.startsWith(pasteStart)) {
        this.#paste = "";
        input = input.slice(pasteStart.length);
      } else {
        const used = scanOne(input, parts);
        if (used === 0) {
          this.#rest = input;
          break;
        }
        input = input.slice(used);
      }
    }
    return parts;
  }

  /** Gives the rest of the input, and one part of a paste that came to its end. */
  #pasted(input: string, before: string, parts: InputPart[]): string {
    const whole = before + input;
    const end = whole.indexOf(pasteEnd);
    if (end < 0) {
      // The mark of the end may be cut in two; it is never longer than this.
      const tail = whole.slice(-pasteEnd.length);
      this.#paste = whole.length <= mostPasted + pasteEnd.length ? whole : whole.slice(0, mostPasted) + tail;
      return "";
    }
    this.#paste = undefined;
    parts.push({ type: "keys", keys: pasteStart + whole.slice(0, Math.min(end, mostPasted)) + pasteEnd });
    return whole.slice(end + pasteEnd.length);
  }
}

function matchOf(pattern: RegExp, input: string): RegExpExecArray | null {
  pattern.lastIndex = 0;
  return pattern.exec(input);
}

/** How much of the input the first part took; 0 when more has to come. */
function scanOne(input: string, parts: InputPart[]): number {
  const run = matchOf(text, input);
  if (run !== null) return keys(parts, run[0]);
  if (input.codePointAt(0) !== 0x1b) return keys(parts, input.slice(0, 1));
  const pressed = matchOf(mouse, input);
  if (pressed !== null) {
    const [whole, button, column, row, end] = pressed;
    parts.push({
      type: "mouse",
      button: Number(button),
      column: Number(column),
      row: Number(row),
      released: end === "m",
    });
    return whole.length;
  }
  const looked = matchOf(focus, input);
  if (looked !== null) {
    parts.push({ type: "focus", focused: looked[1] === "I" });
    return looked[0].length;
  }
  const answered = matchOf(background, input);
  if (answered !== null) {
    parts.push({ type: "background", colour: answered[1] ?? "" });
    return answered[0].length;
  }
  if (matchOf(told, input) !== null) return keys(parts, input.slice(0, 1));
  if (matchOf(unfinished, input) !== null) return 0;
  return keys(parts, matchOf(sequence, input)?.[0] ?? input.slice(0, 1));
}

function keys(parts: InputPart[], found: string): number {
  parts.push({ type: "keys", keys: found });
  return found.length;
}
