/** Agents with models on a mesh in one process, whose providers are a stand-in, or real ones where a key is there. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type AgentDefinition, createAgent, runAgent, type RunningAgent } from "@parley/agent";
import { withModel } from "@parley/model";
import { ModelStandIn, type Recording, standInKey } from "@parley/testkit/models";

import { type Joined, MeshScope } from "./device-fixture.ts";

export type ModelDefinition = NonNullable<AgentDefinition["model"]>;

/** One line of an agent's log. */
export interface LoggedLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class ModelScene implements AsyncDisposable {
  readonly scope: MeshScope;
  readonly standIn: ModelStandIn;
  readonly folder: string;
  readonly lines: LoggedLine[] = [];
  readonly #ends: (() => Promise<void>)[] = [];

  private constructor(scope: MeshScope, standIn: ModelStandIn) {
    this.scope = scope;
    this.standIn = standIn;
    this.folder = mkdtempSync(join(tmpdir(), "parley-model-"));
  }

  static async start(...recordings: readonly Recording[]): Promise<ModelScene> {
    return new ModelScene(await MeshScope.start(), await ModelStandIn.start(...recordings));
  }

  /** The stand-in as Anthropic. */
  get anthropic(): ModelDefinition {
    return { provider: "anthropic", name: "claude-stand-in", baseUrl: `${this.standIn.origin}/v1`, apiKeyEnv: "KEY" };
  }

  /** Runs an agent with a model on a device of its own, or on one that is there. */
  async run(
    definition: Omit<AgentDefinition, "skills"> & Partial<Pick<AgentDefinition, "skills">>,
    options: { readonly joined?: Joined; readonly env?: Record<string, string>; readonly folder?: string } = {},
  ): Promise<{ readonly joined: Joined; readonly running: RunningAgent; readonly stop: () => Promise<void> }> {
    const log = (level: string, event: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void this.lines.push({ level, event, fields });
    const thinking = await withModel({
      agent: createAgent({ skills: [], model: this.anthropic, ...definition }),
      folder: options.folder ?? this.folder,
      memory: join(this.folder, definition.name),
      env: options.env ?? { KEY: standInKey },
      log,
    });
    const joined = options.joined ?? (await this.scope.join(definition.name));
    const running = await runAgent({ agent: thinking.agent, device: joined.device, log });
    const stop = async (): Promise<void> => {
      await running.stop();
      await thinking.close();
    };
    this.#ends.push(stop);
    return { joined, running, stop };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
    await this.scope[Symbol.asyncDispose]();
    await this.standIn.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A recording of answers, one after the other, each to what has so many results of tools. */
export function answers(...each: readonly Recording["exchanges"][number][]): Recording {
  return { about: "of one test", exchanges: [...each] };
}
