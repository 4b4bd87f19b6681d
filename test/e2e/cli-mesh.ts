import { join } from "node:path";

import { type CleanUp, jsonOf, parley, type RunningCommand, start, temporaryFolder } from "./cli-process.ts";

interface Ready {
  readonly origin: string;
  readonly port: number;
  readonly claim: string;
  /** Where the plain door listens, if there is one. */
  readonly chat?: { readonly url: string; readonly port: number };
}

/** A registry in a process of its own, claimed by `ada`; every command is a process too. */
export interface CliMesh {
  readonly folder: string;
  readonly origin: string;
  readonly port: number;
  readonly registry: RunningCommand;
  /** Home folder of a member. */
  readonly home: (name: string) => string;
  /** Pairs a new member and lets ada approve it. */
  readonly join: (name: string, flags?: readonly string[]) => Promise<void>;
  /** Asks to join and leaves it at that. */
  readonly ask: (name: string, flags?: readonly string[]) => Promise<void>;
  readonly restart: () => Promise<RunningCommand>;
}

export async function startRegistry(
  data: string,
  port = 0,
  cleanUp?: CleanUp,
  flags: readonly string[] = [],
): Promise<{ registry: RunningCommand; ready: Ready }> {
  const registry = start(["up", "--port", String(port), "--data", data, "--json", ...flags], {}, cleanUp);
  return { registry, ready: await registry.json<Ready>() };
}

export async function startMesh(cleanUp?: CleanUp): Promise<CliMesh> {
  const folder = temporaryFolder(cleanUp);
  const data = join(folder, "registry");
  const { registry, ready } = await startRegistry(data, 0, cleanUp);
  const home = (name: string): string => join(folder, name);
  jsonOf(await parley(["pair", ready.claim, "--name", "ada", "--home", home("ada"), "--json"]));
  const ask = async (name: string, flags: readonly string[] = []): Promise<void> => {
    const { text } = jsonOf<{ text: string }>(await parley(["invite", "create", "--home", home("ada"), "--json"]));
    jsonOf(await parley(["pair", text, "--name", name, "--home", home(name), "--no-wait", "--json", ...flags]));
  };
  const joinMesh = async (name: string, flags: readonly string[] = []): Promise<void> => {
    await ask(name, flags);
    jsonOf(await parley(["member", "approve", name, "--home", home("ada"), "--json"]));
  };
  const restart = async (): Promise<RunningCommand> => (await startRegistry(data, ready.port)).registry;
  return { folder, origin: ready.origin, port: ready.port, registry, home, join: joinMesh, ask, restart };
}

/** One mesh for a whole file: for `beforeAll`, whose result ends it. */
export async function shareMesh(take: (mesh: CliMesh) => void): Promise<() => Promise<void>> {
  const undo: Parameters<CleanUp>[0][] = [];
  take(await startMesh((step) => void undo.push(step)));
  return async () => {
    for (const step of undo.toReversed()) await step();
  };
}
