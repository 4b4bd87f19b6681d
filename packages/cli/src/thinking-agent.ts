import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { Agent } from "@parley/agent";
import type { LogLine } from "@parley/client";

/** An agent to run, with its model where it names one. */
export interface ThinkingAgent {
  readonly agent: Agent;
  close(): Promise<void>;
}

/** Loads what a model needs for an agent that has one, and nothing for the others. */
export async function thinkingAgent(
  agent: Agent,
  { path, home, log }: { readonly path: string; readonly home: string; readonly log: LogLine },
): Promise<ThinkingAgent> {
  if (agent.manifest.model === undefined) return { agent, close: () => Promise.resolve() };
  const isFolder = (await stat(path)).isDirectory();
  const { withModel } = await import("@parley/model");
  const folder = isFolder ? path : dirname(path);
  return withModel({ agent, folder, memory: join(home, "model"), env: process.env, log });
}
