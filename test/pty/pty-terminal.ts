import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { Unicode11Addon } from "@xterm/addon-unicode11";
import headless from "@xterm/headless";

const bridge = join(import.meta.dirname, "bridge.py");

export interface PtyOptions {
  readonly columns: number;
  readonly rows: number;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A screen that does not come within this never will. */
const patienceMs = 45_000;

/** One cell as it is drawn. Colours are those of the palette of 16, or undefined for the terminal's own. */
export interface ScreenCell {
  readonly text: string;
  readonly width: number;
  readonly foreground: number | undefined;
  readonly background: number | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
}

/** A program in a terminal of a given size, whose screen can be read. */
export class PtyTerminal implements AsyncDisposable {
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  readonly #terminal: headless.Terminal;
  readonly #child: ChildProcess;
  readonly #stdin: NodeJS.WritableStream;
  #waiting: (() => void)[] = [];
  #over = false;
  #complaints = "";
  #title = "";

  constructor({ columns, rows, command, env = {} }: PtyOptions) {
    this.#terminal = new headless.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 100 });
    this.#terminal.loadAddon(new Unicode11Addon());
    this.#terminal.unicode.activeVersion = "11";
    // Where Python is is no setting of the program that runs in the terminal.
    const { PARLEY_PYTHON3: python = "python3", ...inherited } = process.env;
    const child = spawn(python, [bridge, String(columns), String(rows), ...command], {
      env: { ...inherited, TERM: "xterm-256color", TZ: "UTC", LANG: "C.UTF-8", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child = child;
    this.#stdin = child.stdin;
    // The program may end while something is still typed.
    child.stdin.on("error", () => undefined);
    child.stdout.on("data", (chunk: Buffer) => this.#terminal.write(chunk, () => this.#wake()));
    child.stderr.on("data", (chunk: Buffer) => (this.#complaints += chunk.toString()));
    this.#terminal.onData((answer) => this.type(answer));
    this.#terminal.onTitleChange((title) => (this.#title = title));
    this.ended = once(child, "close").then(([code]: (number | null)[]) => {
      this.#over = true;
      this.#wake();
      return code ?? null;
    });
  }

  get title(): string {
    return this.#title;
  }

  type(keys: string): void {
    this.#stdin.write(`${JSON.stringify({ write: keys })}\n`);
  }

  /** A press of the left button, counted from 0. */
  click(column: number, row: number): void {
    this.type(`\u001B[<0;${column + 1};${row + 1}M\u001B[<0;${column + 1};${row + 1}m`);
  }

  wheel(notches: number, column = 40, row = 5): void {
    const button = notches < 0 ? 64 : 65;
    this.type(`\u001B[<${button};${column};${row}M`.repeat(Math.abs(notches)));
  }

  paste(text: string): void {
    this.type(`\u001B[200~${text}\u001B[201~`);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
    this.#stdin.write(`${JSON.stringify({ resize: [columns, rows] })}\n`);
  }

  /** The screen as text, one line a row, without spaces at the ends. */
  get screen(): string {
    const { buffer, rows } = this.#terminal;
    return Array.from(
      { length: rows },
      (_, row) => buffer.active.getLine(buffer.active.viewportY + row)?.translateToString(true) ?? "",
    ).join("\n");
  }

  get cursor(): { readonly column: number; readonly row: number } {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    return { column: cursorX, row: cursorY };
  }

  /** Waits until the screen is as wanted. Throws, with the screen, when the program ends before that, or it takes too long. */
  async until(wanted: string | RegExp | ((screen: string) => boolean)): Promise<string> {
    const late = AbortSignal.timeout(patienceMs);
    const wake = (): void => this.#wake();
    late.addEventListener("abort", wake);
    try {
      while (!isAsWanted(this.screen, wanted)) {
        if (this.#over || late.aborted)
          throw new Error(`The screen never was as ${String(wanted)}:\n${this.screen}\n${this.#complaints}`);
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      return this.screen;
    } finally {
      late.removeEventListener("abort", wake);
    }
  }

  /** Every cell, row by row. */
  cells(): readonly (readonly ScreenCell[])[] {
    const { buffer, rows, cols } = this.#terminal;
    return Array.from({ length: rows }, (_, row) => {
      const line = buffer.active.getLine(buffer.active.viewportY + row);
      return Array.from({ length: cols }, (__, column) => cellOf(line?.getCell(column)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    this.#stdin.end();
    await this.ended;
    this.#terminal.dispose();
  }

  #wake(): void {
    for (const look of this.#waiting.splice(0)) look();
  }
}

type BufferCell = NonNullable<
  ReturnType<NonNullable<ReturnType<headless.Terminal["buffer"]["active"]["getLine"]>>["getCell"]>
>;

function cellOf(cell: BufferCell | undefined): ScreenCell {
  return {
    text: cell?.getChars() ?? "",
    width: cell?.getWidth() ?? 1,
    foreground: cell?.isFgPalette() === true ? cell.getFgColor() : undefined,
    background: cell?.isBgPalette() === true ? cell.getBgColor() : undefined,
    bold: (cell?.isBold() ?? 0) !== 0,
    dim: (cell?.isDim() ?? 0) !== 0,
    italic: (cell?.isItalic() ?? 0) !== 0,
    underline: (cell?.isUnderline() ?? 0) !== 0,
    inverse: (cell?.isInverse() ?? 0) !== 0,
  };
}

function isAsWanted(screen: string, wanted: string | RegExp | ((screen: string) => boolean)): boolean {
  if (typeof wanted === "function") return wanted(screen);
  return typeof wanted === "string" ? screen.includes(wanted) : wanted.test(screen);
}
