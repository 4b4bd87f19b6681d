/** What an agent's process prints, in files that never grow beyond a bound: the newest in `NAME.log`, older ones in `.1`, `.2`. */
import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";

/** Where a line came from: the two outputs of the process, or whoever watches over it. */
type LogSource = "out" | "err" | "supervisor";

export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly from: LogSource;
  readonly text: string;
}

/** Bytes of one file. */
const logFileBytes = 4 * 1024 * 1024;
/** Files of one agent, the newest included. */
export const logFiles = 4;
/** Characters of a line; the rest is left out. */
export const logLineCharacters = 16 * 1024;

const linePattern = /^(\S+) (out|err|supervisor) (.*)$/;

/** Written at once, so that nothing of it lies in memory: a process that prints much is slowed down by the disk. */
export class AgentLog {
  readonly #path: string;
  readonly #fileBytes: number;
  readonly #followers = new Set<(entry: LogEntry) => void>();
  #file: number | undefined;
  #bytes = 0;

  constructor(path: string, fileBytes = logFileBytes) {
    this.#path = path;
    this.#fileBytes = fileBytes;
  }

  /** Adds a line. One that cannot be written, on a full disk, is left out: agents go on. */
  write({ time, from, text }: LogEntry): void {
    const entry = { time, from, text: shortened(text) };
    for (const follower of this.#followers) follower(entry);
    const line = `${new Date(time).toISOString()} ${from} ${entry.text}\n`;
    try {
      this.#makeRoom(Buffer.byteLength(line));
      if (this.#file !== undefined) this.#bytes += writeSync(this.#file, line);
    } catch {
      this.close();
    }
  }

  /** The last so many lines, oldest first. */
  last(count: number): readonly LogEntry[] {
    return lastLines(this.#path, count);
  }

  /** Calls with each line from now on, until the returned function is called. */
  follow(take: (entry: LogEntry) => void): () => void {
    this.#followers.add(take);
    return () => void this.#followers.delete(take);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #makeRoom(more: number): void {
    if (this.#file === undefined) {
      this.#file = openSync(this.#path, "a", 0o600);
      this.#bytes = fstatSync(this.#file).size;
    }
    if (this.#bytes === 0 || this.#bytes + more <= this.#fileBytes) return;
    this.close();
    for (let number = logFiles - 1; number > 0; number--) {
      const from = olderPath(this.#path, number - 1);
      rmSync(olderPath(this.#path, number), { force: true });
      renameIfThere(from, olderPath(this.#path, number));
    }
    this.#file = openSync(this.#path, "a", 0o600);
    this.#bytes = 0;
  }
}

/** The last so many lines of a log that nobody need be writing, oldest first. */
export function lastLines(path: string, count: number): readonly LogEntry[] {
  const found: LogEntry[] = [];
  for (let number = 0; number < logFiles && found.length < count; number++) {
    const lines = readIfThere(olderPath(path, number)).split("\n").slice(0, -1).map(entryOf);
    found.unshift(...lines.filter((entry) => entry !== undefined).slice(-(count - found.length)));
  }
  return found;
}

const olderPath = (path: string, number: number): string => (number === 0 ? path : `${path}.${number}`);

function entryOf(line: string): LogEntry | undefined {
  const [, time = "", from, text = ""] = linePattern.exec(line) ?? [];
  return from === undefined ? undefined : { time: Date.parse(time), from: from as LogSource, text };
}

function shortened(text: string): string {
  const line = text.replaceAll(/[\r\n]/g, " ");
  return line.length <= logLineCharacters ? line : `${line.slice(0, logLineCharacters)}… (cut)`;
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return "";
    throw error;
  }
}
