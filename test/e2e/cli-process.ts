import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { onTestFinished } from "vitest";

const main = join(import.meta.dirname, "..", "..", "packages", "cli", "src", "main.ts");

/** The environment without Parley's own variables: the suites have some. */
export function plainEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("PARLEY_"));
  return { ...Object.fromEntries(inherited), NO_COLOR: "1", ...extra };
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Program and first arguments in front of node, for example of `unshare`. */
  readonly under?: readonly string[];
  /** What it reads from its standard input; nothing by default. */
  readonly input?: string;
}

/** A command that is running. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly #ended: Promise<CommandResult>;
  readonly #lines: AsyncIterator<string>;

  constructor(args: readonly string[], { env = {}, cwd, under = [], input }: CommandOptions = {}) {
    const [program = process.execPath, ...rest] = [
      ...under,
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      main,
      ...args,
    ];
    this.child = spawn(program, rest, {
      env: plainEnvironment(env),
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.child.stdin?.end(input);
    let [stdout, stderr] = ["", ""];
    this.child.stdout?.on("data", (part: Buffer) => (stdout += part.toString()));
    this.child.stderr?.on("data", (part: Buffer) => (stderr += part.toString()));
    const out = this.child.stdout;
    if (out === null) throw new Error("no standard output");
    this.#lines = createInterface({ input: out })[Symbol.asyncIterator]();
    this.#ended = once(this.child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  }

  get ended(): Promise<CommandResult> {
    return this.#ended;
  }

  /** The next line of the standard output. */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done !== true) return next.value;
    const { code, stderr } = await this.#ended;
    throw new Error(`It ended with ${code}: ${stderr}`);
  }

  async json<Value>(): Promise<Value> {
    return JSON.parse(await this.line()) as Value;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<CommandResult> {
    this.child.kill(signal);
    return this.#ended;
  }
}

/** Takes what has to be undone at the end: of the test, or of the file. */
export type CleanUp = (undo: () => void | Promise<void>) => void;

const atTestEnd: CleanUp = (undo) => onTestFinished(undo);

/** Starts a command that is stopped at the end. */
export function start(
  args: readonly string[],
  options: CommandOptions = {},
  cleanUp: CleanUp = atTestEnd,
): RunningCommand {
  const running = new RunningCommand(args, options);
  cleanUp(async () => {
    if (running.child.exitCode === null && running.child.signalCode === null) await running.stop("SIGKILL");
  });
  return running;
}

/** Runs a command to its end. */
export async function parley(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new RunningCommand(args, options).ended;
}

/** A folder that is gone after the end. */
export function temporaryFolder(cleanUp: CleanUp = atTestEnd): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-"));
  cleanUp(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The object that a command printed with `--json`. */
export function jsonOf<Value>({ code, stdout, stderr }: CommandResult): Readonly<Value> {
  if (code !== 0) throw new Error(`It ended with ${code}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Readonly<Value>;
}

/** The error object that a command printed with `--json`. */
export function errorOf({ stderr }: CommandResult): { code: string; message: string } {
  const { error } = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { error: { code: string; message: string } };
  return error;
}
