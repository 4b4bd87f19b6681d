import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";

import { toStorageError } from "./storage-error.ts";

const temporary = ".part";

/** Sealed content as files, `ab/abcd…`, each written aside, synced and renamed, so that a file with its final name is whole. */
export class BlobFolder {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async write(hash: string, content: Uint8Array): Promise<void> {
    const file = this.#fileOf(hash);
    try {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      const handle = await open(file + temporary, "w", 0o600);
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(file + temporary, file);
      await syncFolder(path.dirname(file));
    } catch (error) {
      await rm(file + temporary, { force: true }).catch(() => undefined);
      throw toStorageError(this.#root, error);
    }
  }

  async read(hash: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.#fileOf(hash)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw toStorageError(this.#root, error);
    }
  }

  async remove(hash: string): Promise<void> {
    await rm(this.#fileOf(hash), { force: true });
  }

  /** Hashes of the files in one of the 256 folders that were last written before `before`; leftovers of broken writes are removed. */
  async olderThan(folder: number, before: number): Promise<readonly string[]> {
    const directory = path.join(this.#root, folder.toString(16).padStart(2, "0"));
    const names = await readdir(directory).catch(() => []);
    const old: string[] = [];
    for (const name of names) {
      const file = path.join(directory, name);
      const facts = await stat(file).catch(() => undefined);
      if (facts === undefined || facts.mtimeMs >= before) continue;
      if (name.endsWith(temporary)) await rm(file, { force: true });
      else old.push(name);
    }
    return old;
  }

  #fileOf(hash: string): string {
    return path.join(this.#root, hash.slice(0, 2), hash);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Makes the rename itself durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
