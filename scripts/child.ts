import { spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";

/** The repository's root, with no slash at its end. */
export const root = join(import.meta.dirname, "..");

/** Most output kept of one captured child, in characters; the end of it is what says why it failed. */
const maxOutputChars = 200_000;

export interface ChildOptions {
  /** Keep the output and return it; otherwise it goes to this process's own. */
  readonly capture?: boolean;
  /** Killed after this long. */
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ChildResult {
  /** Exit code; 127 if it did not start, 128 + n after signal n, as shells count. */
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

/** The path of a development tool that npm installed. */
export function toolPath(name: string): string {
  return join(root, "node_modules", ".bin", name);
}

/** Runs a program in the repository's root, with the Node that runs this first on its PATH. Never rejects. */
export function runChild(command: string, args: readonly string[], options: ChildOptions): Promise<ChildResult> {
  const started = performance.now();
  const path = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`;
  const capture = options.capture === true;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, PATH: path, ...options.env },
      stdio: capture ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
    });
    let output = "";
    const keep = (text: string): void => {
      output = (output + text).slice(-maxOutputChars);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    const finish = (code: number): void => resolve({ code, output, seconds: (performance.now() - started) / 1000 });
    child.on("error", (error) => {
      keep(`${command}: ${error.message}\n`);
      finish(127);
    });
    child.on("close", (code, signal) => {
      if (signal !== null) keep(`${command}: ended by ${signal} (limit ${options.timeoutMs / 1000} s)\n`);
      finish(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
    });
  });
}
