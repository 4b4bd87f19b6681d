/** Where a demo keeps its mesh, and the lock that says that it runs. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { fileError } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

/** The sample agents, which are also the names of their homes. */
export const sampleNames = ["librarian", "reporter"] as const;
export type SampleName = (typeof sampleNames)[number];

/** `.parley/demo` below the working directory. */
export class DemoFolder {
  readonly path: string;
  readonly registry: string;
  readonly operator: string;
  readonly #lock: string;

  private constructor(path: string) {
    this.path = path;
    this.registry = join(path, "registry");
    this.operator = join(path, "operator");
    this.#lock = join(path, "running.lock");
  }

  /** Opens the folder and takes its lock; `fresh` forgets what an earlier demo left. Throws `conflict` while another one runs. */
  static async open(cwd: string, fresh: boolean): Promise<DemoFolder> {
    const folder = new DemoFolder(join(cwd, ".parley", "demo"));
    await mkdir(folder.path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw fileError(folder.path, error);
    });
    await folder.#take();
    if (fresh) await folder.#forget();
    return folder;
  }

  home(name: SampleName): string {
    return join(this.path, name);
  }

  /** Whether an earlier demo left a mesh here. */
  get used(): boolean {
    return existsSync(this.registry);
  }

  async release(): Promise<void> {
    await rm(this.#lock, { force: true });
  }

  /** `bin/bootstrap.mjs` reads the process id in it: nothing is installed under a running mesh. */
  async #take(): Promise<void> {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await writeFile(this.#lock, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw fileError(this.#lock, error);
      }
      const holder = await livingHolder(this.#lock);
      if (holder !== undefined) {
        throw new ParleyError("conflict", {
          message: `A demo runs from here already (process ${holder}); stop it with Ctrl-C in its terminal first.`,
        });
      }
      await rm(this.#lock, { force: true });
    }
    throw new ParleyError("conflict", { message: `${this.#lock} comes and goes; another demo is starting.` });
  }

  async #forget(): Promise<void> {
    const folders = [this.registry, this.operator, ...sampleNames.map((name) => this.home(name))];
    await Promise.all(folders.map((path) => rm(path, { recursive: true, force: true })));
  }
}

async function livingHolder(lock: string): Promise<number | undefined> {
  const text = await readFile(lock, "utf8").catch(() => "");
  const pid = Number(/^\d{1,10}/.exec(text)?.[0] ?? 0);
  if (pid <= 0 || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? pid : undefined;
  }
}
