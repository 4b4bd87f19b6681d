/** Everything that commands print goes through here: results to the standard output, the rest to the standard error output. */
import { styleText } from "node:util";

import { type ParleyError, visible } from "@parley/protocol";

type Style = Parameters<typeof styleText>[0];

/** A stream that text goes to, and whether a person reads it. */
export interface TextSink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  /** `done` is called once the text has gone out, with an error when it could not. */
  write(text: string, done?: (error?: Error | null) => void): unknown;
}

export interface PresenterOptions {
  readonly json: boolean;
  readonly out: TextSink;
  readonly err: TextSink;
  /** `NO_COLOR` set to anything forbids colour (no-color.org). */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Characters that a column which is cut keeps at least. */
const leastCut = 8;

const segmenter = new Intl.Segmenter();
/** A character made of many: what is longer may count as several. */
const longestCharacter = 16;

/** A text of at most so many characters, with an ellipsis where it was cut. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const characters = Array.from(segmenter.segment(text.slice(0, most * longestCharacter)), ({ segment }) => segment);
  return characters.length <= most ? text : `${characters.slice(0, Math.max(0, most - 1)).join("")}…`;
}

export class Presenter {
  readonly json: boolean;
  readonly #options: PresenterOptions;
  #progress = false;

  constructor(options: PresenterOptions) {
    this.json = options.json;
    this.#options = options;
  }

  /** The result of a command: one JSON object, or what `human` prints. */
  result(value: unknown, human: () => void): void {
    if (this.json) this.#out(JSON.stringify(value));
    else human();
  }

  /** One of several results: one JSON object per line, or one line. */
  event(value: unknown, line: string): void {
    this.#out(this.json ? JSON.stringify(value) : line);
  }

  /** A line of a human result. */
  line(text = ""): void {
    this.#out(text);
  }

  /** Something to know beside the result; not in JSON mode. */
  note(text: string): void {
    if (!this.json) this.#err(text);
  }

  /** What is under way: one line that is replaced by the next, on a terminal only. */
  progress(text: string): void {
    const { err } = this.#options;
    if (this.json || err.isTTY !== true) return;
    err.write(`\r\u001B[K${text.slice(0, (err.columns ?? 80) - 1)}`);
    this.#progress = true;
  }

  /** Characters of a line where a person reads the result; undefined where a program may. */
  get columns(): number | undefined {
    const { isTTY, columns } = this.#options.out;
    return isTTY === true ? (columns ?? 80) : undefined;
  }

  /** Rows in aligned columns under their headings. `cutLast` shortens the last column to what a terminal has room for. */
  table(
    headings: readonly string[],
    rows: readonly (readonly string[])[],
    { cutLast = false }: { readonly cutLast?: boolean } = {},
  ): void {
    const cells = rows.map((row) => row.map((cell) => visible(cell).replaceAll("\n", " ")));
    const widths = headings.map((heading, column) =>
      Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
    );
    const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
    const room = cutLast && this.columns !== undefined ? Math.max(leastCut, this.columns - before) : Infinity;
    const lineOf = (row: readonly string[]): string =>
      row
        .map((cell, column) => (column < widths.length - 1 ? cell.padEnd(widths[column] ?? 0) : shorten(cell, room)))
        .join("  ")
        .trimEnd();
    this.line(this.style("dim", lineOf(headings)));
    for (const row of cells) this.line(lineOf(row));
  }

  /** Resolves when everything printed so far is with whoever reads it; never when the reader went. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.out.write("", (error) => {
        if (error === undefined || error === null) resolve();
      });
    });
  }

  error({ code, message, data }: ParleyError): void {
    if (this.json) {
      this.#err(JSON.stringify({ error: { code, message, ...(data === undefined ? {} : { data }) } }));
      return;
    }
    this.#err(`${this.#styled(this.#options.err, "red", "error:")} ${visible(message)} (${code})`);
  }

  style(style: Style, text: string): string {
    return this.#styled(this.#options.out, style, text);
  }

  #styled(sink: TextSink, style: Style, text: string): string {
    const plain = sink.isTTY !== true || (this.#options.environment["NO_COLOR"] ?? "") !== "";
    return plain ? text : styleText(style, text, { validateStream: false });
  }

  #out(text: string): void {
    this.#clear();
    this.#options.out.write(`${text}\n`);
  }

  #err(text: string): void {
    this.#clear();
    this.#options.err.write(`${text}\n`);
  }

  #clear(): void {
    if (this.#progress) this.#options.err.write("\r\u001B[K");
    this.#progress = false;
  }
}
