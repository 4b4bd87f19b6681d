/** The screen in Ink. Node runs no JSX: elements are made by hand. */
import { Box, Text, useCursor, useInput, usePaste } from "ink";
import { createElement as h, memo, type ReactElement, useSyncExternalStore } from "react";

import type { ChatScreen } from "../screen/chat-screen.ts";
import { type Line, span } from "../text/span.ts";
import { paintLine, type Theme } from "../text/theme.ts";
import { keyOfInk } from "./key-of-ink.ts";

interface RowProps {
  readonly text: string;
}

const Row = memo(({ text }: RowProps): ReactElement => h(Text, { wrap: "truncate" }, text === "" ? " " : text));
Row.displayName = "Row";

interface PaneProps {
  readonly lines: readonly Line[];
  readonly width: number;
  readonly theme: Theme;
}

function Pane({ lines, width, theme }: PaneProps): ReactElement | null {
  if (width === 0) return null;
  const rows = lines.map((line, row) => h(Row, { key: row, text: paintLine(line, theme.colours) }));
  return h(Box, { width, flexDirection: "column", flexShrink: 0 }, ...rows);
}

function Divider({ rows, theme }: { readonly rows: number; readonly theme: Theme }): ReactElement {
  return h(Pane, { lines: Array.from({ length: rows }, () => [span("│", theme.muted)]), width: 1, theme });
}

export function ChatApp({ screen }: { readonly screen: ChatScreen }): ReactElement {
  const view = useSyncExternalStore(
    (listener) => screen.subscribe(listener),
    () => screen.view,
  );
  useInput((input, key) => {
    const press = keyOfInk(input, key);
    if (press !== undefined) screen.press(press);
  });
  usePaste((text) => screen.paste(text));
  useCursor().setCursorPosition(view.cursor);
  const { theme } = screen;
  const { geometry, overlay } = view;
  const { body, columns, list, main, side } = geometry;
  return h(
    Box,
    { width: columns, height: body + 1, flexDirection: "column" },
    h(
      Box,
      { height: body, flexDirection: "row" },
      h(Pane, { lines: view.list, width: list, theme }),
      list === 0 ? null : h(Divider, { rows: body, theme }),
      h(Pane, { lines: view.main, width: main, theme }),
      side === 0 ? null : h(Divider, { rows: body, theme }),
      h(Pane, { lines: view.side, width: side, theme }),
    ),
    h(Pane, { lines: [view.status], width: columns, theme }),
    overlay === undefined
      ? null
      : h(
          Box,
          { position: "absolute", left: overlay.left, top: overlay.top },
          h(Pane, { lines: overlay.lines, width: overlay.width, theme }),
        ),
  );
}
