/** `parley run --watch`: an agent's files change while it runs, and it goes on with what they say now. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { type Agent, readModulesAnew, type RunningAgent } from "@parley/agent";
import { toParleyError } from "@parley/protocol";

import type { Presenter } from "./presenter.ts";

export interface ChangeOptions {
  /** The agent's folder, manifest or module. */
  readonly path: string;
  readonly agent: Agent;
  /** Loads it as it is now. */
  readonly load: () => Promise<Agent>;
  readonly running: RunningAgent;
  readonly out: Presenter;
}

/** Editors write a file in several steps. */
const settleMs = 200;
/** What the device was opened with, or what the agent has begun: it holds from the next start. */
const atStart = ["name", "registry", "channels", "links", "guards", "attention", "redact"] as const;

/** Follows the files until the returned function is called. One that cannot be loaded leaves the agent as it is, and says why. */
export function followChanges({ path, agent, load, running, out }: ChangeOptions): () => void {
  let current = agent;
  let timer: NodeJS.Timeout | undefined;
  let work = Promise.resolve();
  const reload = async (): Promise<void> => {
    try {
      readModulesAnew();
      const next = await load();
      await running.replace(next);
      const later = atStart.filter(
        (key) => JSON.stringify(next.manifest[key]) !== JSON.stringify(current.manifest[key]),
      );
      current = next;
      tell(out, next, later);
    } catch (error) {
      const { code, message } = toParleyError(error);
      out.event(
        { event: "reload-failed", error: { code, message } },
        `not changed, the agent goes on as it was: ${message} (${code})`,
      );
    }
  };
  const watchers = watchersOf(path, agent, () => {
    clearTimeout(timer);
    timer = setTimeout(() => (work = work.then(reload)), settleMs);
  });
  return () => {
    clearTimeout(timer);
    for (const each of watchers) each.close();
  };
}

function tell(out: Presenter, { skills }: Agent, later: readonly string[]): void {
  const ids = skills.map(({ id }) => id);
  const rest = later.length === 0 ? "" : `; ${later.join(", ")} hold from the next start`;
  out.event(
    { event: "reloaded", skills: ids, ...(later.length === 0 ? {} : { later }) },
    `changed: ${ids.join(", ") || "no skills"}${rest}`,
  );
}

/** The folder's own files, and everything in the folder of skills. */
function watchersOf(path: string, { manifest }: Agent, onChange: () => void): readonly FSWatcher[] {
  const folder = statSync(path).isDirectory() ? resolve(path) : dirname(resolve(path));
  const skills = join(folder, manifest.skills.folder);
  const watchers = [watch(folder, (_, name) => isOwn(name) && onChange())];
  if (statSync(skills, { throwIfNoEntry: false })?.isDirectory() === true)
    watchers.push(watch(skills, { recursive: true }, onChange));
  // A watch that ends, because its folder went, leaves the agent as it is.
  for (const each of watchers) each.on("error", () => undefined);
  return watchers;
}

/** What an agent is made of; not what it writes, nor an editor's temporary files. */
const isOwn = (name: string | null): boolean =>
  name === null || /^(agent\.ya?ml|AGENT\.md|[^.].*\.[mc]?[tj]s)$/.test(name);
