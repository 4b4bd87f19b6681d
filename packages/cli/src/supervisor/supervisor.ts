/** Runs the agents of a folder, each in a process of its own, and starts again what ends. */
import { join } from "node:path";

import { loadManifest, type ManifestContent } from "@parley/agent";
import { DeviceLock, preparePrivateFolder } from "@parley/client/node";
import type { Clock, Random, Timer } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { suggestion } from "../nearest-name.ts";
import { startAgentChild } from "./agent-child.ts";
import { type AgentFolder, findAgents, stateFolderName } from "./agent-folders.ts";
import { AgentLog, type LogEntry } from "./agent-log.ts";
import { ProcessList } from "./left-over.ts";
import { type AgentLaunch, type AgentView, SupervisedAgent } from "./supervised-agent.ts";

export interface SupervisorOptions {
  /** Folder of the agents' folders. */
  readonly folder: string;
  /** The environment, from which an agent gets what its manifest names under `env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Variables that every agent gets. */
  readonly shared: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
}

interface Supervised {
  readonly folder: AgentFolder;
  readonly agent: SupervisedAgent;
  readonly log: AgentLog;
}

/** Above what the manifest gives tasks to end: results go out, the device is closed. */
const closingMs = 10_000;
const defaultDrainMs = 10_000;
/** Between two looks at how busy the agents are. */
const lookMs = 5_000;

export const stateFolderOf = (folder: string): string => join(folder, stateFolderName);
export const logPathOf = (folder: string, name: string): string => join(stateFolderOf(folder), "logs", `${name}.log`);

export class Supervisor {
  readonly since: number;
  readonly #options: SupervisorOptions;
  readonly #lock: DeviceLock;
  readonly #processes: ProcessList;
  readonly #agents = new Map<string, Supervised>();
  #timer: Timer | undefined;
  #closed = false;

  private constructor(options: SupervisorOptions, lock: DeviceLock, processes: ProcessList) {
    this.#options = options;
    this.#lock = lock;
    this.#processes = processes;
    this.since = options.clock.now();
  }

  /** Takes the folder. Throws `conflict` while another supervisor has it, and what `findAgents` does. */
  static async open(options: SupervisorOptions): Promise<Supervisor> {
    const found = await findAgents(options.folder);
    const state = stateFolderOf(options.folder);
    await preparePrivateFolder(state);
    await preparePrivateFolder(join(state, "logs"));
    const lock = DeviceLock.tryTake(state);
    if (lock === undefined)
      throw new ParleyError("conflict", {
        message: `Another process runs the agents of ${options.folder}; \`parley ps\` shows them.`,
      });
    const supervisor = new Supervisor(options, lock, await ProcessList.open(state));
    for (const folder of found) supervisor.#add(folder);
    return supervisor;
  }

  /** Starts every agent. */
  async begin(): Promise<void> {
    this.#look();
    await Promise.all([...this.#agents.values()].map(({ agent }) => agent.start()));
  }

  views(): readonly AgentView[] {
    return [...this.#agents.values()].map(({ agent }) => agent.view);
  }

  /** Throws `not_found` for a name that no folder has. */
  async restart(names: readonly string[]): Promise<void> {
    for (const folder of await findAgents(this.#options.folder)) if (!this.#agents.has(folder.name)) this.#add(folder);
    await Promise.all(this.#named(names).map(({ agent }) => agent.restart()));
  }

  /** Throws `not_found` for a name that no folder has. */
  async stop(names: readonly string[]): Promise<void> {
    await Promise.all(this.#named(names).map(({ agent }) => agent.stop()));
  }

  /** Lines of an agent's log: the last ones, then, until `leave` is called, each that comes. */
  logs(name: string, lines: number, take: (entry: LogEntry) => void): () => void {
    const log = this.#named([name])[0]?.log;
    for (const entry of log?.last(lines) ?? []) take(entry);
    return log?.follow(take) ?? (() => undefined);
  }

  /** Stops every agent and gives the folder back. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.stop([]);
    await this.#processes.written();
    for (const { log } of this.#agents.values()) log.close();
    this.#lock.release();
  }

  #named(names: readonly string[]): readonly Supervised[] {
    if (names.length === 0) return [...this.#agents.values()];
    return names.map((name) => {
      const found = this.#agents.get(name);
      if (found !== undefined) return found;
      throw new ParleyError("not_found", {
        message: `No agent here is called ${name}${suggestion(name, [...this.#agents.keys()])}; see \`parley ps\`.`,
      });
    });
  }

  #add(folder: AgentFolder): void {
    const { clock, random } = this.#options;
    const log = new AgentLog(logPathOf(this.#options.folder, folder.name));
    const agent = new SupervisedAgent({
      name: folder.name,
      log,
      clock,
      random,
      launch: () => this.#launchOf(folder),
      onProcess: (pid) => this.#processes.note(folder.name, pid),
    });
    this.#agents.set(folder.name, { folder, agent, log });
  }

  async #launchOf({ name, path }: AgentFolder): Promise<AgentLaunch> {
    // One that is not valid is told by the agent's own process, with its line.
    const manifest: ManifestContent | undefined = await loadManifest(path).catch(() => undefined);
    const drainMs = (manifest === undefined ? defaultDrainMs : manifest.limits.drainSeconds * 1000) + closingMs;
    await this.#processes.settle(name, drainMs);
    return {
      agent: manifest?.name,
      drainMs,
      start: (events) => startAgentChild({ path, environment: this.#environmentOf(manifest) }, events),
    };
  }

  #environmentOf(manifest: ManifestContent | undefined): Readonly<Record<string, string>> {
    const { environment, shared } = this.#options;
    const named = (manifest?.env ?? []).flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    return { ...Object.fromEntries(named), ...shared };
  }

  #look(): void {
    if (this.#closed) return;
    for (const { agent } of this.#agents.values()) agent.ask();
    this.#timer = this.#options.clock.setTimer(lookMs, () => this.#look());
  }
}
