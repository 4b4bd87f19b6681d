import { Child } from "./child.ts";
import { type Agent, Mesh } from "./mesh.ts";
import type { AgentCommands } from "./roles/agent.ts";

/** The two that talk: one asks, one answers. */
export const between = { as: "alice", to: "bob" };

/** Two agent processes with a direct link, beside the registry that introduced them. Their journals are on disk. */
export class PairOfAgents {
  readonly near: Agent;
  readonly far: Agent;
  readonly #mesh: Mesh;

  private constructor(mesh: Mesh, near: Agent, far: Agent) {
    this.#mesh = mesh;
    this.near = near;
    this.far = far;
  }

  static async start(): Promise<PairOfAgents> {
    const mesh = await Mesh.start();
    const pair = new PairOfAgents(mesh, Child.start<AgentCommands>("agent"), Child.start<AgentCommands>("agent"));
    await mesh.join(pair.near, between.as, { durable: true });
    await mesh.join(pair.far, between.to, { durable: true });
    await pair.near.ask("connect", between);
    return pair;
  }

  /** One more member in one of the two processes. */
  admit(agent: Agent, name: string): Promise<void> {
    return this.#mesh.join(agent, name, { durable: true });
  }

  /** What is wrong with the link: nothing, unless it is not the one direct one. */
  async faults(): Promise<readonly string[]> {
    const paths = await this.near.ask("paths", between.as);
    const refusals = [...(await this.near.ask("refusals")), ...(await this.far.ask("refusals"))];
    return paths.length === 1 && paths[0] === "direct"
      ? refusals
      : [`the paths in use were ${paths.join(", ") || "none"}`, ...refusals];
  }

  async stop(): Promise<void> {
    await Promise.all([this.near.stop(), this.far.stop()]);
    await this.#mesh.stop();
  }
}
