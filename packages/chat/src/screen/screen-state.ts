/** What a screen shows beside what the chat knows: size, what is written, what is selected, what lies on top. */
import type { ArchivedMessage } from "@parley/core";

import type { Completion } from "../model/completion.ts";
import { type Editor, emptyEditor } from "../model/editor.ts";
import type { Line } from "../text/span.ts";
import type { Background } from "../text/theme.ts";

/** What is written now is for. */
export type Writing =
  | { readonly type: "say" }
  | { readonly type: "edit" | "react"; readonly message: ArchivedMessage }
  | { readonly type: "answer"; readonly message: ArchivedMessage };

/** What lies over the conversation until Esc. */
export type Overlay =
  | { readonly type: "help"; readonly top: number }
  | { readonly type: "list" }
  | { readonly type: "switch"; readonly query: Editor; readonly index: number }
  | { readonly type: "page"; readonly title: string; readonly lines: readonly Line[]; readonly top: number }
  | {
      readonly type: "found";
      readonly query: string;
      readonly messages: readonly ArchivedMessage[];
      readonly index: number;
    };

/** Where the last line of what is shown stands; undefined for the end. */
export interface Anchor {
  readonly key: string;
  /** Lines of the block that are shown, at least 1. */
  readonly lines: number;
}

export interface ScreenState {
  readonly columns: number;
  readonly rows: number;
  /** The terminal has the keyboard, as far as it says so. */
  readonly focused: boolean;
  readonly background: Background;
  readonly editor: Editor;
  readonly writing: Writing;
  readonly completion: Completion | undefined;
  /** Id of a message. */
  readonly selected: string | undefined;
  readonly anchor: Anchor | undefined;
  readonly overlay: Overlay | undefined;
  /** What was done or went wrong, for a while. */
  readonly toast: { readonly text: string; readonly bad: boolean } | undefined;
  /** ms since 1970; moves only while something counts down. */
  readonly now: number;
}

export const firstScreen = (columns: number, rows: number, background: Background, now: number): ScreenState => ({
  columns,
  rows,
  focused: true,
  background,
  editor: emptyEditor,
  writing: { type: "say" },
  completion: undefined,
  selected: undefined,
  anchor: undefined,
  overlay: undefined,
  toast: undefined,
  now,
});
