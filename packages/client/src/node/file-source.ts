import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isAbsolute } from "node:path";

import { ParleyError } from "@parley/protocol";

import type { ContentSource } from "../blobs/content-source.ts";
import { fileError } from "./private-file.ts";

/** A file to attach. Close it when it is attached. */
export interface FileSource extends ContentSource, AsyncDisposable {
  readonly path: string;
}

/** Opens a file to attach. Throws `not_found`, `invalid_argument` for what is no plain file, `storage_unavailable`. */
export async function openFileSource(path: string): Promise<FileSource> {
  requireAbsolute(path);
  const file = await openToRead(path);
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw new ParleyError("invalid_argument", { message: `${path} is not a file.` });
    return {
      path,
      size: facts.size,
      read: async (from, to) => readAt(file, path, from, to),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Throws `invalid_argument`: a path is relative to a process, and the one that holds the device may be another. */
export function requireAbsolute(path: string): void {
  if (!isAbsolute(path)) throw new ParleyError("invalid_argument", { message: "The path of a file must be absolute." });
}

/** Up to so many bytes from a place on; fewer at the end of the file. */
export async function readAt(
  file: FileHandle,
  path: string,
  from: number,
  to: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(to - from);
  let filled = 0;
  try {
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, from + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
  } catch (error) {
    throw fileError(path, error);
  }
  return bytes.subarray(0, filled);
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    // A named pipe without a writer must not hold up whoever asks.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      throw new ParleyError("not_found", { message: `There is no file ${path}.`, cause: error });
    throw fileError(path, error);
  }
}
