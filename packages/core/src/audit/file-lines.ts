/** The lines of an exported audit log, with their places. */
import { ParleyError } from "@parley/protocol";

import { mostLineBytes } from "./audit-lines.ts";

/** Where in the file: line from 1, offset in bytes from 0. */
export interface FilePlace {
  readonly line: number;
  readonly offset: number;
}

export interface Line extends FilePlace {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const lineFeed = 0x0a;

export function broken(
  message: string,
  { line, offset }: FilePlace,
  facts: Readonly<Record<string, unknown>> = {},
): ParleyError {
  return new ParleyError("audit_broken", {
    message: `Line ${line}, at byte ${offset}: ${message}`.slice(0, 490),
    data: { line, offset, ...facts },
  });
}

export function textOf(line: Line): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line.bytes);
  } catch {
    // What is no UTF-8 fits no schema; the walk tells what stood there.
    return Array.from(line.bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

/** Lines of a file with their places. A last line without a line feed is one that was cut. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Line> {
  let rest: Uint8Array[] = [];
  let size = 0;
  let line = 1;
  let offset = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      const bytes = joined([...rest, chunk.subarray(from, end)]);
      yield { bytes, line, offset };
      offset += bytes.length + 1;
      line++;
      from = end + 1;
      rest = [];
      size = 0;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > mostLineBytes) throw broken("The line is longer than any line of such a file.", { line, offset });
  }
  if (size > 0) throw broken("The file ends in the middle of a line.", { line, offset });
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
