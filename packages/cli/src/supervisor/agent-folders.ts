/** The agents of a folder: each folder in it that has an agent.yaml. */
import { readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { fileError } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

/** What one supervisor watches over. */
export const mostAgents = 64;
/** Where it keeps its socket, its lock and the logs, in the folder of the agents. */
export const stateFolderName = ".parley-run";
const manifestNames: readonly string[] = ["agent.yaml", "agent.yml"];

/** An agent's folder. */
export interface AgentFolder {
  /** The folder's own name: what `parley ps` and the others call the agent. */
  readonly name: string;
  readonly path: string;
}

/** In the order of their names. Throws `invalid_manifest` when there are none, `limit_reached` when there are too many. */
export async function findAgents(folder: string): Promise<readonly AgentFolder[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(folder, error);
  });
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  const found: AgentFolder[] = [];
  for (const name of names.toSorted()) {
    const path = join(folder, name);
    if (await hasManifest(path)) found.push({ name, path });
  }
  if (found.length === 0)
    throw new ParleyError("invalid_manifest", {
      message: `No folder in ${folder} has an agent.yaml; \`parley init NAME\` writes one there.`,
      data: { path: folder, problems: [] },
    });
  if (found.length > mostAgents)
    throw new ParleyError("limit_reached", {
      message: `${folder} has ${found.length} agents; one supervisor runs at most ${mostAgents}.`,
    });
  return found;
}

async function hasManifest(path: string): Promise<boolean> {
  for (const name of manifestNames) {
    if ((await stat(join(path, name)).catch(() => undefined))?.isFile() === true) return true;
  }
  return false;
}

/** The nearest folder upward in which a supervisor has run, else `cwd` itself. */
export async function findSupervised(cwd: string): Promise<string> {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if ((await stat(join(folder, stateFolderName)).catch(() => undefined))?.isDirectory() === true) return folder;
    if (dirname(folder) === folder) return resolve(cwd);
  }
}
