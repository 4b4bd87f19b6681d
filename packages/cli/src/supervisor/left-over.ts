/**
 * The processes of an earlier supervisor, one that was killed. They end by themselves when it is gone; one that stands still
 * does not, and is ended before its agent is started again.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { readPrivateFile, writePrivateFile } from "@parley/client/node";
import { decodeJson } from "@parley/protocol";
import { z } from "zod";

import { mostAgents } from "./agent-folders.ts";
import { processMark } from "./process-mark.ts";

const fileSchema = z.strictObject({
  processes: z.record(z.string().max(255), z.strictObject({ pid: z.int().min(1), mark: z.string().max(128) })),
});
type Processes = z.infer<typeof fileSchema>["processes"];

const mostFileBytes = mostAgents * 1024;
const lookMs = 100;
/** The system takes a moment to end what was killed; an agent that is not gone by then waits for its device. */
const killedMs = 500;

/** Which process runs which agent, on disk. */
export class ProcessList {
  readonly #path: string;
  readonly #earlier: Map<string, Processes[string]>;
  #now: Processes = {};
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, earlier: Processes) {
    this.#path = path;
    this.#earlier = new Map(Object.entries(earlier));
  }

  /** A list that cannot be read names nobody. */
  static async open(folder: string): Promise<ProcessList> {
    const path = join(folder, "processes.json");
    const read = decodeJson(fileSchema, (await readPrivateFile(path)) ?? "", mostFileBytes);
    return new ProcessList(path, read.ok ? read.value.processes : {});
  }

  /** Notes an agent's process, or that it has none. */
  note(name: string, pid: number | undefined): void {
    this.#writing = this.#writing.then(async () => {
      const mark = pid === undefined ? undefined : await processMark(pid);
      const { [name]: _, ...others } = this.#now;
      this.#now = pid === undefined || mark === undefined ? others : { ...others, [name]: { pid, mark } };
      // Without it a process that stands still would outlive its supervisor, which is no reason to stop agents.
      await writePrivateFile(this.#path, this.#text()).catch(() => undefined);
    });
  }

  /** Waits until an earlier supervisor's process of this agent has ended, for `drainMs`, and ends it then. */
  async settle(name: string, drainMs: number): Promise<void> {
    const left = this.#earlier.get(name);
    if (left === undefined) return;
    const runs = async (): Promise<boolean> => (await processMark(left.pid)) === left.mark;
    for (const until = performance.now() + drainMs; performance.now() < until;) {
      if (!(await runs())) break;
      await pause(lookMs);
    }
    if (await runs()) {
      process.kill(left.pid, "SIGKILL");
      await pause(killedMs);
    }
    this.#earlier.delete(name);
  }

  #text(): string {
    return JSON.stringify({ processes: { ...Object.fromEntries(this.#earlier), ...this.#now } });
  }

  /** Resolves when all that was noted is on disk. */
  written(): Promise<void> {
    return this.#writing;
  }
}
