import { type FileHandle, open } from "node:fs/promises";

import { ParleyError } from "@parley/protocol";

import { fileError } from "./private-file.ts";

/**
 * Makes a file for its owner alone, never over another and never through a link, whether or not that leads anywhere. Throws
 * `already_exists`, `storage_full`, `storage_unavailable`.
 */
export async function createPrivateFile(path: string): Promise<FileHandle> {
  try {
    // Exclusive creation follows no link at the end of the path (POSIX open).
    return await open(path, "wx", 0o600);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST")
      throw new ParleyError("already_exists", { message: `${path} exists already; nothing was overwritten.` });
    throw fileError(path, error);
  }
}
