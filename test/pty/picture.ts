/** A screen as a picture, drawn by Chromium cell by cell. */
import type { Browser } from "playwright-core";

import type { PtyTerminal, ScreenCell } from "./pty-terminal.ts";

const cellWidth = 9;
const cellHeight = 18;

interface Palette {
  readonly foreground: string;
  readonly background: string;
  readonly colours: readonly string[];
}

export const palettes: Readonly<Record<"dark" | "light", Palette>> = {
  dark: {
    foreground: "#d4d4d4",
    background: "#1e1e1e",
    colours:
      "#000000 #cd3131 #0dbc79 #e5e510 #2472c8 #bc3fbc #11a8cd #e5e5e5 #666666 #f14c4c #23d18b #f5f543 #3b8eea #d670d6 #29b8db #ffffff".split(
        " ",
      ),
  },
  light: {
    foreground: "#333333",
    background: "#ffffff",
    colours:
      "#000000 #cd3131 #00a000 #949800 #0451a5 #bc05bc #0598bc #555555 #666666 #cd3131 #14ce14 #b5ba00 #0451a5 #bc05bc #0598bc #a5a5a5".split(
        " ",
      ),
  },
};

/** Draws the screen into a PNG file. */
export async function takePicture(
  browser: Browser,
  terminal: PtyTerminal,
  palette: Palette,
  path: string,
): Promise<void> {
  const rows = terminal.cells();
  const width = (rows[0]?.length ?? 0) * cellWidth;
  const page = await browser.newPage({
    viewport: { width: width + 16, height: rows.length * cellHeight + 16 },
    deviceScaleFactor: 1,
  });
  try {
    const { column, row } = terminal.cursor;
    const cursor = `<i style="left:${column * cellWidth}px;top:${row * cellHeight}px;width:2px;background:${palette.foreground}"></i>`;
    const cells = rows.flatMap((line, y) => line.map((cell, x) => cellMarkup(cell, x, y, palette))).join("");
    await page.setContent(
      `<style>body{margin:8px;background:${palette.background};font:15px/${cellHeight}px "DejaVu Sans Mono",monospace}
      main{position:relative}i{position:absolute;height:${cellHeight}px;font-style:normal;white-space:pre;overflow:visible}</style><main>${cells}${cursor}</main>`,
    );
    await page.screenshot({ path });
  } finally {
    await page.close();
  }
}

function cellMarkup(cell: ScreenCell, x: number, y: number, palette: Palette): string {
  const plain = {
    foreground:
      cell.foreground === undefined ? palette.foreground : (palette.colours[cell.foreground] ?? palette.foreground),
    background:
      cell.background === undefined ? palette.background : (palette.colours[cell.background] ?? palette.background),
  };
  const [front, back] = cell.inverse ? [plain.background, plain.foreground] : [plain.foreground, plain.background];
  const text = cell.text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  if (cell.width === 0 || (text.trim() === "" && back === palette.background && !cell.underline)) return "";
  const style = [
    `left:${x * cellWidth}px;top:${y * cellHeight}px;width:${cell.width * cellWidth}px;color:${front}`,
    back === palette.background ? "" : `background:${back}`,
    cell.bold ? "font-weight:bold" : "",
    cell.dim ? `color:color-mix(in srgb, ${front} 55%, ${back})` : "",
    cell.italic ? "font-style:italic" : "",
    cell.underline ? "text-decoration:underline" : "",
  ];
  return `<i style="${style.filter((part) => part !== "").join(";")}">${text}</i>`;
}
