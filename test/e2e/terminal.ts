import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

const launcher = join(import.meta.dirname, "../../parley");

export interface TerminalOptions {
  /** Stands for the home directory of whoever types. */
  readonly home: string;
  readonly cwd: string;
  /** Words before every command, which put it somewhere else. */
  readonly enter?: readonly string[];
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A place where someone types `./parley …`. */
export class Terminal implements AsyncDisposable {
  readonly #options: TerminalOptions;
  readonly #running = new Set<Command>();

  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  /** The same person's terminal in another folder. */
  in(cwd: string): Terminal {
    return new Terminal({ ...this.#options, cwd });
  }

  /** Starts a command that goes on. */
  start(...args: readonly string[]): Command {
    const command = new Command(args, this.#options);
    this.#running.add(command);
    return command;
  }

  /** Runs a command to its end. Throws, with what it said, when it fails. */
  async type(...args: readonly string[]): Promise<Ended> {
    const ended = await this.start(...args).ended;
    if (ended.code !== 0)
      throw new Error(`parley ${args.join(" ")} ended with ${ended.code}: ${ended.err}${ended.out}`);
    return ended;
  }

  /** Runs a command with `--json`; its objects. */
  async ask(...args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    const { out } = await this.type(...args, "--json");
    return out
      .trim()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((command) => command.interrupt()));
  }
}

/** `PARLEY_…` variables of whoever runs the tests are not those of whoever types in one. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("PARLEY_")));
}

/** A running `parley`. */
export class Command {
  /** Resolves when it has ended and all that it said was read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #args: readonly string[];
  readonly #lines: string[] = [];
  #waiting: (() => void)[] = [];
  #over = false;

  constructor(args: readonly string[], { home, cwd, enter = [] }: TerminalOptions) {
    const [command = "", ...words] = [...enter, launcher, ...args];
    const env = { ...withoutSettings(process.env), HOME: home, NO_COLOR: "1" };
    const child = spawn(command, words, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#args = args;
    this.#child = child;
    const [out, err] = [this.#read(child.stdout), this.#read(child.stderr)];
    this.ended = once(child, "close").then(([code]: (number | null)[]) => {
      this.#over = true;
      this.#wake();
      return { code: code ?? null, out: out.join("\n"), err: err.join("\n") };
    });
  }

  /** The first line, of either output, that fits; waits for it. Throws when the command ends without it. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.#lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (this.#over)
        throw new Error(`parley ${this.#args.join(" ")} never said ${pattern}: ${this.#lines.join("\n")}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Ctrl-C. */
  async interrupt(): Promise<Ended> {
    this.#child.kill("SIGINT");
    return this.ended;
  }

  #read(stream: Readable): readonly string[] {
    const own: string[] = [];
    createInterface({ input: stream }).on("line", (line) => {
      own.push(line);
      this.#lines.push(line);
      this.#wake();
    });
    return own;
  }

  #wake(): void {
    for (const look of this.#waiting.splice(0)) look();
  }
}
