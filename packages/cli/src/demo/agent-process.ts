import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { startChild } from "@parley/client/node";
import { isErrorCode, ParleyError } from "@parley/protocol";

/** A line that an agent printed or logged. */
type AgentLine = Readonly<Record<string, unknown>>;

export interface AgentProcessOptions {
  readonly name: string;
  /** Folder of the agent. */
  readonly folder: string;
  readonly home: string;
  /** Local address to which its links bind. */
  readonly linkAddress: string;
}

/** From the start of a process to its first word; small machines take their time. */
const readyMs = 60_000;
/** From the signal to the end; an agent drains within ten seconds. */
const stopMs = 15_000;
const keptErrors = 5;

/** `parley run` of a sample in a process of its own. */
export class AgentProcess {
  /** Resolves when the process is gone, whoever ended it. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ready = Promise.withResolvers<void>();
  readonly #errors: string[] = [];
  #skills: readonly string[] = [];

  private constructor({ name, folder, home, linkAddress }: AgentProcessOptions) {
    this.#name = name;
    const main = join(import.meta.dirname, "..", "main.ts");
    const ending = pathToFileURL(join(import.meta.dirname, "end-with-parent.ts")).href;
    const args = [main, "run", folder, "--home", home, "--json", "--log", "warn", "--link-address", linkAddress];
    this.#child = startChild(process.execPath, [...process.execArgv, "--import", ending, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.once("error", () => resolve());
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (text) => this.#take(text));
    }
  }

  /** Starts the agent and waits until it is ready. Throws what kept it from that. */
  static async start(options: AgentProcessOptions, signal: AbortSignal): Promise<AgentProcess> {
    const agent = new AgentProcess(options);
    const late = AbortSignal.timeout(readyMs);
    const either = AbortSignal.any([signal, late]);
    const { promise: given, reject } = Promise.withResolvers<never>();
    const give = (): void =>
      reject(late.aborted ? agent.#failure("did not become ready in time") : new ParleyError("canceled"));
    either.addEventListener("abort", give, { once: true });
    const ended = agent.ended.then(() => {
      throw agent.#failure("ended before it was ready");
    });
    try {
      await Promise.race([agent.#ready.promise, given, ended]);
      return agent;
    } catch (error) {
      await agent.stop();
      throw error;
    } finally {
      either.removeEventListener("abort", give);
      ended.catch(() => undefined);
    }
  }

  get skills(): readonly string[] {
    return this.#skills;
  }

  /**
   * Ends the process and waits for it. `told` says that it heard the same Ctrl-C on its terminal: a second signal would cut
   * its draining short.
   */
  async stop(told = false): Promise<void> {
    if (!told) this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), stopMs);
    await this.ended;
    clearTimeout(timer);
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(name);
  }

  #take(text: string): void {
    const line = parseLine(text);
    if (line?.["event"] === "ready") {
      if (Array.isArray(line["skills"])) this.#skills = line["skills"].map(String);
      this.#ready.resolve();
      return;
    }
    const error = line?.["error"];
    if (line !== undefined && (typeof error !== "object" || error === null)) return;
    this.#errors.push(line === undefined ? text.slice(0, 500) : JSON.stringify(error));
    if (this.#errors.length > keptErrors) this.#errors.shift();
  }

  #failure(what: string): ParleyError {
    const last = parseLine(this.#errors.at(-1) ?? "");
    const code = textOf(last?.["code"]) ?? "";
    const words = textOf(last?.["message"]) ?? this.#errors.join(" ");
    return new ParleyError(isErrorCode(code) ? code : "internal", {
      message: `The agent ${this.#name} ${what}${words === "" ? "" : `: ${words}`}`,
    });
  }
}

function parseLine(text: string): AgentLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as AgentLine) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
