/** Folders and files for one person's eyes: 0700 and 0600, written whole or not at all. */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { ParleyError } from "@parley/protocol";

/** Larger than any file of a home: a bigger one is not ours. */
const mostFileBytes = 16 * 1024 * 1024;
const othersRights = 0o077;
const worldWritable = 0o002;
const sticky = 0o1000;

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** What the file system threw, as a coded error with one sentence. */
export function fileError(path: string, error: unknown): ParleyError {
  const code = codeOf(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new ParleyError("storage_full", {
      message: `${path} cannot be written because the disk is full; free some space.`,
      cause: error,
    });
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new ParleyError("storage_unavailable", {
      message: `${path} cannot be used: this process lacks the rights; correct the owner and the rights of the folder.`,
      cause: error,
    });
  }
  return new ParleyError("storage_unavailable", {
    message: `${path} cannot be used (${code ?? "unknown reason"}); check the path.`,
    cause: error,
  });
}

/** Makes a private folder, or checks that one is: a folder of this process's owner that nobody else may enter. */
export async function preparePrivateFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
    await checkPrivate(path);
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    throw fileError(path, error);
  }
}

/**
 * Checks that a folder is its owner's alone and cannot be put in another's place. Throws `storage_unavailable`, also where
 * there is none.
 */
export async function requirePrivateFolder(path: string): Promise<void> {
  try {
    await checkOwn(path);
    const { mode } = await stat(dirname(path));
    if (process.platform !== "win32" && (mode & worldWritable) !== 0 && (mode & sticky) === 0)
      throw new ParleyError("storage_unavailable", {
        message: `Everybody may rename what is in ${dirname(path)}, so ${path} is not safe; choose another place.`,
      });
  } catch (error) {
    throw error instanceof ParleyError ? error : fileError(path, error);
  }
}

async function checkOwn(path: string): Promise<void> {
  const { mode } = await lookAtFolder(path);
  if (process.platform !== "win32" && (mode & othersRights) !== 0)
    throw new ParleyError("storage_unavailable", {
      message: `${path} can be read by others; run \`chmod 700 ${path}\`.`,
    });
}

/** `recursive` of `mkdir` never ends where the parent exists and takes nothing, as in /proc: each level is made by itself. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return;
    const parent = dirname(path);
    if (code !== "ENOENT" || parent === path || (await isThere(parent))) throw error;
    await makeFolder(parent);
    await mkdir(path, { mode: 0o700 });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** A folder of this process's owner, and no link to one. */
async function lookAtFolder(path: string): Promise<Stats> {
  const facts = await lstat(path);
  if (!facts.isDirectory())
    throw new ParleyError("storage_unavailable", { message: `${path} is not a folder; choose another.` });
  const owner = process.getuid?.();
  if (owner !== undefined && facts.uid !== owner) {
    throw new ParleyError("storage_unavailable", {
      message: `${path} belongs to another owner; run as that one, or choose another folder.`,
    });
  }
  return facts;
}

async function checkPrivate(path: string): Promise<void> {
  const { mode } = await lookAtFolder(path);
  if (process.platform === "win32" || (mode & othersRights) === 0) return;
  // A folder with something in it may be shared on purpose, a home directory for one: only its owner may close it.
  if ((await readdir(path)).length === 0) await chmod(path, 0o700);
  await checkOwn(path);
}

/** Replaces a file in one step: a crash leaves the old content or the new one. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(path, error);
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The file's text; undefined when there is none. Throws `storage_unavailable` when it cannot be read or others can. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    const facts = await lstat(path);
    if (!facts.isFile() || facts.size > mostFileBytes)
      throw new ParleyError("storage_unavailable", { message: `${path} is not a file of Parley; move it away.` });
    if (process.platform !== "win32" && (facts.mode & othersRights) !== 0) {
      throw new ParleyError("storage_unavailable", {
        message: `${path} holds private keys and can be read by others; run \`chmod 600 ${path}\`.`,
      });
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    if (codeOf(error) === "ENOENT") return undefined;
    throw fileError(path, error);
  }
}
