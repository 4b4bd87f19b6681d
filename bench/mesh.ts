import path from "node:path";

import { Child } from "./child.ts";
import type { AgentCommands } from "./roles/agent.ts";
import type { RegistryCommands } from "./roles/registry.ts";
import { ScratchFolder } from "./scratch-folder.ts";

/** A process with devices. */
export type Agent = Child<AgentCommands>;

/** A claimed mesh: a registry process, and a folder that goes with it. */
export class Mesh {
  readonly registry: Child<RegistryCommands>;
  readonly #folder: ScratchFolder;

  private constructor(registry: Child<RegistryCommands>, folder: ScratchFolder) {
    this.registry = registry;
    this.#folder = folder;
  }

  static async start(): Promise<Mesh> {
    const folder = new ScratchFolder();
    const registry = Child.start<RegistryCommands>("registry");
    await registry.ask("claim", await registry.ask("start", path.join(folder.path, "registry")));
    return new Mesh(registry, folder);
  }

  /** Lets a new member in and connects its device in this process; with `durable`, its journal is on disk. */
  async join(agent: Agent, name: string, options: { durable?: boolean } = {}): Promise<void> {
    const link = await this.registry.ask("invite");
    await this.registry.ask("approve", await agent.ask("pair", { name, link }));
    const journal = options.durable === true ? { dir: path.join(this.#folder.path, name) } : {};
    await agent.ask("join", { name, ...journal });
  }

  /** Ends the registry and removes what was on disk. */
  async stop(): Promise<void> {
    await this.registry.stop();
    this.#folder.remove();
  }
}
