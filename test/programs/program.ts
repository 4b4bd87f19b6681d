import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { onTestFinished } from "vitest";

import { plainEnvironment } from "../e2e/cli-process.ts";

const repository = join(import.meta.dirname, "..", "..");

/** What `PARLEY` is for a shell: the command from these sources. */
export const parleyCommand = `${process.execPath} --disable-warning=ExperimentalWarning ${join(repository, "packages", "cli", "src", "main.ts")}`;

export interface ProgramResult {
  readonly code: number | null;
  readonly output: string;
}

/** A program in another language that runs; its whole group is gone at the end of the test. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly ended: Promise<ProgramResult>;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(command, args, {
      cwd: repository,
      detached: true,
      env: { ...plainEnvironment(env), PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    this.#child.stdout?.on("data", (part: Buffer) => (output += part.toString()));
    this.#child.stderr?.on("data", (part: Buffer) => (output += part.toString()));
    if (this.#child.stdout === null) throw new Error("no standard output");
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.ended = once(this.#child, "close").then(([code]) => ({ code: code as number | null, output }));
    onTestFinished(() => this.kill("SIGKILL"));
  }

  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`It ended: ${(await this.ended).output}`);
    return next.value;
  }

  /** The program and what it started. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    process.kill(-pid, signal);
    await this.ended;
  }
}
