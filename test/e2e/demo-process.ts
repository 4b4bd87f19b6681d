import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { onTestFinished } from "vitest";

export type DemoLine = Readonly<Record<string, unknown>>;

const main = join(import.meta.dirname, "..", "..", "packages", "cli", "src", "main.ts");

/** `parley demo --json`, as `npm start -- --json` runs it, in a folder of its own. */
export class DemoProcess {
  readonly #child: ChildProcess;
  readonly #lines: DemoLine[] = [];
  readonly #closed: Promise<unknown>;
  #errors = "";
  #waiting: (() => void)[] = [];

  constructor(cwd: string, ...args: readonly string[]) {
    const options = ["--disable-warning=ExperimentalWarning", main, "demo", "--json", "--port", "0", ...args];
    this.#child = spawn(process.execPath, options, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    this.#closed = once(this.#child, "close").then(() => this.#wake());
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", (text) => {
        this.#lines.push(JSON.parse(text));
        this.#wake();
      });
    }
  }

  /** A folder for demos, gone with the test. */
  static folder(): string {
    const folder = mkdtempSync(join(tmpdir(), "parley-demo-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The first line of an event; waits for it. Fails when the process ends before. */
  async event(name: string): Promise<DemoLine> {
    for (;;) {
      const line = this.#lines.find(({ event }) => event === name);
      if (line !== undefined) return line;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`no ${name}: ${this.#errors}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
  }

  /** Waits for the end. */
  async end(): Promise<{ readonly code: number | null; readonly lines: readonly DemoLine[]; readonly errors: string }> {
    await this.#closed;
    return { code: this.#child.exitCode, lines: this.#lines, errors: this.#errors };
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
