import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** A fresh folder for one case. */
export async function makeFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "parley-store-"));
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
