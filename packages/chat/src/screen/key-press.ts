/** A key, whatever terminal it came from. */
export interface KeyPress {
  readonly name:
    | "up"
    | "down"
    | "left"
    | "right"
    | "pageup"
    | "pagedown"
    | "home"
    | "end"
    | "enter"
    | "escape"
    | "tab"
    | "backspace"
    | "delete"
    | "text";
  /** What it writes; of a key with Ctrl or Alt, its letter in lower case. */
  readonly text: string;
  readonly ctrl: boolean;
  readonly alt: boolean;
  readonly shift: boolean;
}

/** A mouse, columns and rows counted from 0. */
export type MouseAct =
  | { readonly type: "press"; readonly x: number; readonly y: number }
  /** Three lines a notch, up when negative. */
  | { readonly type: "wheel"; readonly x: number; readonly y: number; readonly by: number };
