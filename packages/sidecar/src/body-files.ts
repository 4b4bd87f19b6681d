/**
 * Bodies larger than a line: files of the folder beside the socket, which is its owner's alone. A line names a file by its
 * name in there; whoever reads it takes it away.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";

import { requirePrivateFolder } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import { bodyFileBytes } from "./local-lines.ts";

/** Files that wait for one caller to read them. */
const mostUnread = 64;
const othersWrite = 0o022;

/** Of a socket. */
const bodyFolderOf = (socketPath: string): string => `${socketPath}.files`;

/** An empty one. What an earlier process left there is nobody's any more. */
export async function prepareBodyFolder(socketPath: string): Promise<string> {
  const folder = bodyFolderOf(socketPath);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  await requirePrivateFolder(folder);
  return folder;
}

export async function removeBodyFolder(socketPath: string): Promise<void> {
  await rm(bodyFolderOf(socketPath), { recursive: true, force: true });
}

const refusal = (why: string): ParleyError =>
  new ParleyError("invalid_argument", { message: `The file of a larger body ${why}.` });

/** Reads and removes one. Throws `invalid_argument` for what is not a plain file of this owner in the folder, `too_large`. */
export async function takeBodyFile(folder: string, name: string): Promise<string> {
  await requirePrivateFolder(folder);
  const path = join(folder, name);
  // Neither follows a link nor waits for a pipe to be written to.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const file = await open(path, flags).catch(() => undefined);
  if (file === undefined) throw refusal("is not in the folder beside the socket, or is a link");
  try {
    const facts = await file.stat();
    const { nlink, uid, mode, size } = facts;
    if (!facts.isFile()) throw refusal("is not a plain file");
    // Another name of the file may lie anywhere.
    if (nlink !== 1) throw refusal("has another name elsewhere");
    if (process.getuid !== undefined && uid !== process.getuid()) throw refusal("belongs to another owner");
    if (process.platform !== "win32" && (mode & othersWrite) !== 0) throw refusal("can be written by others");
    if (size > bodyFileBytes)
      throw new ParleyError("too_large", { message: `A body has at most ${bodyFileBytes} bytes.` });
    return await readWhole(file, size);
  } finally {
    await file.close();
    await rm(path, { force: true }).catch(() => undefined);
  }
}

/** What was there when it was looked at: one that grows meanwhile is cut. */
async function readWhole(file: Awaited<ReturnType<typeof open>>, size: number): Promise<string> {
  const buffer = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(buffer, at, size - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return buffer.toString("utf8", 0, at);
}

/** Writes one, and gives its name. Throws `too_large`. */
export async function leaveBodyFile(folder: string, text: string): Promise<string> {
  if (Buffer.byteLength(text) > bodyFileBytes)
    throw new ParleyError("too_large", { message: `A body has at most ${bodyFileBytes} bytes.` });
  await requirePrivateFolder(folder);
  const name = `${randomBytes(12).toString("hex")}.json`;
  const file = await open(join(folder, name), "wx", 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  return name;
}

/** The files that one caller was given and has not taken away. */
export class UnreadFiles {
  readonly #folder: string;
  readonly #names = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws `slow_reader` when too many wait. */
  async leave(text: string): Promise<string> {
    if (this.#names.size >= mostUnread) await this.#forgetTaken();
    if (this.#names.size >= mostUnread)
      throw new ParleyError("slow_reader", { message: `More than ${mostUnread} files wait for the program.` });
    const name = await leaveBodyFile(this.#folder, text);
    this.#names.add(name);
    return name;
  }

  async removeAll(): Promise<void> {
    for (const name of this.#names) await rm(join(this.#folder, name), { force: true });
  }

  async #forgetTaken(): Promise<void> {
    for (const name of this.#names)
      if ((await lstat(join(this.#folder, name)).catch(() => undefined)) === undefined) this.#names.delete(name);
  }
}
