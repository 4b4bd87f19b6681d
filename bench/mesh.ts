import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { Child } from "./child.ts";
import type { AgentCommands } from "./roles/agent.ts";
import type { RegistryCommands } from "./roles/registry.ts";

/** A process with devices. */
export type Agent = Child<AgentCommands>;

/** A claimed mesh: a registry process, and a folder that goes with it. */
export class Mesh {
  readonly registry: Child<RegistryCommands>;
  readonly #dir: string;

  private constructor(registry: Child<RegistryCommands>, dir: string) {
    this.registry = registry;
    this.#dir = dir;
  }

  static async start(): Promise<Mesh> {
    const dir = await mkdtemp(path.join(tmpdir(), "parley-bench-"));
    const registry = Child.start<RegistryCommands>("registry");
    await registry.ask("claim", await registry.ask("start", path.join(dir, "registry")));
    return new Mesh(registry, dir);
  }

  /** Lets a new member in and connects its device in this process; with `durable`, its journal is on disk. */
  async join(agent: Agent, name: string, options: { durable?: boolean } = {}): Promise<void> {
    const link = await this.registry.ask("invite");
    await this.registry.ask("approve", await agent.ask("pair", { name, link }));
    const journal = options.durable === true ? { dir: path.join(this.#dir, name) } : {};
    await agent.ask("join", { name, ...journal });
  }

  /** Ends the registry and removes what was on disk. */
  async stop(): Promise<void> {
    await this.registry.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
