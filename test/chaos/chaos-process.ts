import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";

import type { EvidenceFile, ScheduleLine } from "./evidence.ts";

export interface ChaosProcessOptions {
  /** Its name in the schedule. */
  readonly name: string;
  /** Program and arguments of a life, counted from 1. */
  readonly command: (life: number) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** File that gets what it prints. */
  readonly log: string;
  readonly schedule: EvidenceFile<ScheduleLine>;
  readonly onMessage?: (message: unknown) => void;
  readonly onStart?: (process: ChaosProcess) => void;
  /** Called at the end of a life that the run did not end. */
  readonly onGone: () => void;
  /** What an orderly end takes: by default a signal. */
  readonly end?: (child: ChildProcess, final: boolean) => void;
}

/** An orderly end that takes longer is forced, and shows as one that was. */
const stopMs = 30_000;

/** A process of the run over its lives: started, killed, paused, started again. */
export class ChaosProcess {
  readonly name: string;
  readonly #options: ChaosProcessOptions;
  #child: ChildProcess | undefined;
  #life = 0;
  #paused = false;
  #ending: "kill" | "stop" | "end" | undefined;

  constructor(options: ChaosProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#child !== undefined && this.#ending === undefined;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  start(): void {
    if (this.#child !== undefined) return;
    const { command, env, log, schedule, onMessage } = this.#options;
    const life = ++this.#life;
    const [program = "", ...words] = command(life);
    const out = openSync(log, "a");
    schedule.write({ t: "started", at: Date.now(), process: this.name, life });
    const child = spawn(program, words, { stdio: ["ignore", out, out, "ipc"], env: { ...process.env, ...env } });
    closeSync(out);
    this.#child = child;
    this.#ending = undefined;
    child.on("message", (message) => onMessage?.(message));
    child.on("error", () => undefined);
    child.once("exit", () => this.#gone(child, life));
    this.#options.onStart?.(this);
  }

  tell(message: string): void {
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }

  /** Ends it as a power cut would. */
  kill(): Promise<void> {
    return this.#end("kill", (child) => child.kill("SIGKILL"));
  }

  /** Ends it in an orderly way; `final` at the end of the run. Says whether that worked in time. */
  async stop(final = false): Promise<boolean> {
    const { end } = this.#options;
    let inTime = true;
    await this.#end(final ? "end" : "stop", (child) => {
      const force = setTimeout(() => {
        inTime = false;
        child.kill("SIGKILL");
      }, stopMs);
      child.once("exit", () => clearTimeout(force));
      if (end === undefined) child.kill("SIGTERM");
      else end(child, final);
    });
    return inTime;
  }

  pause(): void {
    this.#paused = this.#child?.kill("SIGSTOP") === true;
  }

  resume(): void {
    this.#paused = false;
    this.#child?.kill("SIGCONT");
  }

  async #end(how: "kill" | "stop" | "end", act: (child: ChildProcess) => void): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = once(child, "exit");
    this.#ending = how;
    act(child);
    if (this.#paused) this.resume();
    await exited;
  }

  #gone(child: ChildProcess, life: number): void {
    const by = this.#ending ?? "itself";
    this.#options.schedule.write({ t: "ended", at: Date.now(), process: this.name, life, by });
    if (this.#child === child) this.#child = undefined;
    this.#paused = false;
    if (by === "itself") this.#options.onGone();
  }
}
