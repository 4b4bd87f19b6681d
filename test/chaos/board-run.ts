/** A run of the board: a registry, workers and an asker as real processes on this machine, each killed at random and started again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { systemClock } from "@parley/core";
import { SeededRandom } from "@parley/testkit";

import { root } from "../../scripts/child.ts";
import type { BoardLine, BoardRoleSettings } from "./board-settings.ts";
import { type BoardVerdict, judgeBoard } from "./board-verdict.ts";
import { ChaosProcess } from "./chaos-process.ts";
import { EvidenceFile, linesOf, type ScheduleLine } from "./evidence.ts";
import type { StewardSettings } from "./steward-settings.ts";

export interface BoardRunOptions {
  readonly seed: number;
  readonly tasks: number;
  readonly workers: number;
  /** Milliseconds from one kill to the next, on average. */
  readonly everyMs: number;
  /** Kills at most: where processes start slowly, nothing would ever be done between two. */
  readonly mostKills: number;
  readonly folder: string;
  readonly onProgress: (text: string) => void;
}

export interface BoardResult extends BoardVerdict {
  readonly seed: number;
  readonly kills: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

const startMs = 60_000;
/** After the last kill everything has ended within this. */
const settleMs = 180_000;
const slots = 4;
/** Kills end when so much of the work is done, so that there is an end. */
const killShare = 0.95;
const node: readonly string[] = [process.execPath, "--disable-warning=ExperimentalWarning"];

export async function runBoard(options: BoardRunOptions): Promise<BoardResult> {
  rmSync(options.folder, { recursive: true, force: true });
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const run = new BoardRun(options, await freePort());
  try {
    return await run.run();
  } finally {
    await run.end();
  }
}

class BoardRun {
  readonly #options: BoardRunOptions;
  readonly #schedule: EvidenceFile<ScheduleLine>;
  readonly #random: SeededRandom;
  readonly #registry: ChaosProcess;
  readonly #asker: ChaosProcess;
  readonly #workers: ChaosProcess[];
  readonly #kills: Record<string, number> = { registry: 0, asker: 0, worker: 0 };
  readonly #done = Promise.withResolvers<void>();
  #isOver = false;

  constructor(options: BoardRunOptions, port: number) {
    this.#options = options;
    this.#schedule = new EvidenceFile(this.#path("schedule.jsonl"));
    this.#random = new SeededRandom(options.seed);
    const up = ["up", "--port", String(port), "--data", this.#path("registry"), "--json"];
    const main = join(root, "packages", "cli", "src", "main.ts");
    this.#registry = this.#process("registry", () => [...node, main, ...up]);
    this.#asker = this.#process("asker", (life) => this.#role("board-asker", "asker", life));
    const names = Array.from({ length: options.workers }, (_, index) => `worker-${index + 1}`);
    this.#workers = names.map((name) => this.#process(name, (life) => this.#role("board-worker", name, life)));
  }

  async run(): Promise<BoardResult> {
    const { seed, onProgress } = this.#options;
    this.#registry.start();
    await this.#letIn(await this.#claim());
    for (const worker of this.#workers) worker.start();
    this.#asker.start();
    const started = performance.now();
    onProgress("working");
    await this.#killAtRandom();
    onProgress("settling");
    const late = Promise.withResolvers<void>();
    const timer = systemClock.setTimer(settleMs, () => late.reject(new Error(`not settled in ${settleMs} ms`)));
    await Promise.race([this.#done.promise, late.promise]).catch((error: unknown) => onProgress(String(error)));
    timer.cancel();
    return { seed, kills: this.#kills, tookMs: performance.now() - started, ...this.#judge() };
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all([this.#registry, this.#asker, ...this.#workers].map((one) => one.kill()));
    this.#schedule.close();
  }

  async #killAtRandom(): Promise<void> {
    const { tasks, everyMs, mostKills } = this.#options;
    for (let kills = 0; kills < mostKills; kills++) {
      await this.#pause(this.#random.below(2 * everyMs));
      const ended = [...linesOf<BoardLine>(this.#evidence("asker"))].filter(({ t }) => t === "ended").length;
      if (ended >= tasks * killShare) return;
      const kind = (["worker", "worker", "worker", "asker", "registry"] as const)[this.#random.below(5)] ?? "worker";
      const worker = this.#workers[this.#random.below(this.#workers.length)] ?? this.#asker;
      const victim = kind === "worker" ? worker : kind === "asker" ? this.#asker : this.#registry;
      this.#kills[kind] = (this.#kills[kind] ?? 0) + 1;
      this.#options.onProgress(`${ended} of ${tasks} ended; kills ${victim.name}`);
      await victim.kill();
      await this.#pause(this.#random.below(1500));
      victim.start();
    }
  }

  #judge(): BoardVerdict {
    const { tasks, seed } = this.#options;
    const linesIn = (name: string): BoardLine[] => [...linesOf<BoardLine>(this.#evidence(name))];
    return judgeBoard({
      tasks,
      seed,
      asker: linesIn("asker"),
      workers: new Map(this.#workers.map(({ name }) => [name, linesIn(name)])),
      schedule: [...linesOf<ScheduleLine>(this.#path("schedule.jsonl"))],
    });
  }

  #process(name: string, command: (life: number) => readonly string[]): ChaosProcess {
    const made: ChaosProcess = new ChaosProcess({
      name,
      command,
      log: this.#path(`${name}.log`),
      schedule: this.#schedule,
      onMessage: (message) => message === "done" && this.#done.resolve(),
      onGone: () => {
        if (!this.#isOver)
          this.#pause(1000).then(
            () => made.start(),
            () => undefined,
          );
      },
    });
    return made;
  }

  #role(role: string, name: string, life: number): readonly string[] {
    const { tasks, seed } = this.#options;
    const home = this.#path(name);
    const settings: BoardRoleSettings = { home, evidence: this.#evidence(name), life, slots, tasks, seed };
    return [...node, join(import.meta.dirname, "roles", `${role}.ts`), JSON.stringify(settings)];
  }

  async #letIn(claim: string): Promise<void> {
    const names = ["asker", ...this.#workers.map(({ name }) => name)];
    const members = names.map((name) => ({ name, kind: "agent" as const, homes: [this.#path(name)] }));
    const settings: StewardSettings = { claim, members };
    const role = join(import.meta.dirname, "roles", "steward.ts");
    const [, ...flags] = node;
    const child = spawn(process.execPath, [...flags, role, JSON.stringify(settings)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      timeout: startMs,
    });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new Error("the members could not be let in");
  }

  /** The registry's one-time link, from what it prints. */
  async #claim(): Promise<string> {
    const log = this.#path("registry.log");
    for (const started = performance.now(); performance.now() - started < startMs; await this.#pause(100)) {
      const found = existsSync(log) ? /"claim":"([^"]+)"/.exec(readFileSync(log, "utf8"))?.[1] : undefined;
      if (found !== undefined) return found;
    }
    throw new Error("the registry did not start");
  }

  /** The run's own time: its schedule is one of seconds, not of events. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void systemClock.setTimer(ms, resolve));
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }

  #evidence(name: string): string {
    return this.#path(`${name}.jsonl`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
