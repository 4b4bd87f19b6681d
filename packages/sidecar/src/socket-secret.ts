/**
 * The secret of a device's socket: made at each start of the holder, beside the socket in its private folder, for the same
 * person's programs alone. Node tells nobody who is at the other end of a Unix socket, so whoever connects shows it first.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";

import { readPrivateFile, requirePrivateFolder, writePrivateFile } from "@parley/client/node";

const secretPathOf = (socketPath: string): string => `${socketPath}.secret`;

/** Writes a new one. */
export async function createSocketSecret(socketPath: string): Promise<string> {
  await requirePrivateFolder(dirname(socketPath));
  const secret = randomBytes(32).toString("base64url");
  await writePrivateFile(secretPathOf(socketPath), `${secret}\n`);
  return secret;
}

/** What to show to the holder that listens there; undefined where there is none. Throws `storage_unavailable` in a folder that is not private. */
export async function readSocketSecret(socketPath: string): Promise<string | undefined> {
  await requirePrivateFolder(dirname(socketPath));
  return (await readPrivateFile(secretPathOf(socketPath)))?.trimEnd();
}

export async function removeSocketSecret(socketPath: string): Promise<void> {
  await rm(secretPathOf(socketPath), { force: true });
}

/** Takes as long for a wrong secret as for the right one. */
export function isSocketSecret(shown: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(shown), digest(secret));
}
