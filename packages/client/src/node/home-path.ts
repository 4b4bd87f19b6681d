import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Where a home is, and why there. */
export interface HomePath {
  readonly path: string;
  readonly from: "given" | "agent" | "default";
}

export interface HomePathOptions {
  /** From the flag, the variable or the settings file. */
  readonly given?: string | undefined;
  readonly cwd: string;
  /** The home directory of whoever runs this. */
  readonly homeDirectory: string;
}

/** The folder of the nearest `agent.yaml`, from `cwd` upward. */
export function findAgentFolder(cwd: string): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "agent.yaml"))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

/** The home folder: the one given, else `.parley` beside the nearest `agent.yaml`, else `~/.parley`. */
export function findHomePath({ given, cwd, homeDirectory }: HomePathOptions): HomePath {
  if (given !== undefined) return { path: resolve(cwd, given), from: "given" };
  const agent = findAgentFolder(cwd);
  if (agent !== undefined) return { path: join(agent, ".parley"), from: "agent" };
  return { path: join(homeDirectory, ".parley"), from: "default" };
}
