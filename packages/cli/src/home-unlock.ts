/** What opens the keys of a home that are protected: a passphrase from a setting, a file or the terminal; or the keyring. */
import { open } from "node:fs/promises";

import { fileError, type Unlock } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import type { Configuration } from "./configuration.ts";
import { askSecret, isInteractive } from "./terminal.ts";

const mostPassphraseBytes = 4096;
const othersRights = 0o077;

/** The passphrase as the settings give it; undefined where none does. */
export async function givenPassphrase(settings: Configuration): Promise<string | undefined> {
  const path = settings.get("passphrase-file");
  return settings.get("passphrase") ?? (path === undefined ? undefined : readPassphrase(path));
}

/** For `Home.open`: asks on the terminal only when the keys are needed and nothing else says the passphrase. */
export function unlockOf({ settings, signal }: CommandContext): Unlock {
  return {
    passphrase: async () => {
      const given = await givenPassphrase(settings);
      if (given !== undefined) return given;
      if (!isInteractive()) throw new ParleyError("identity_locked");
      return askSecret(`Passphrase of ${settings.home.path}: `, signal);
    },
  };
}

/** The first line of a file that only its owner may read, or of whatever a file descriptor is. */
async function readPassphrase(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const facts = await file.stat();
      if (process.platform !== "win32" && facts.isFile() && (facts.mode & othersRights) !== 0)
        throw new ParleyError("storage_unavailable", {
          message: `${path} holds a passphrase and can be read by others; run \`chmod 600 ${path}\`.`,
        });
      const text = await readUpTo(file, mostPassphraseBytes + 1);
      const [line = ""] = text.split(/\r?\n/u, 1);
      if (line === "" || Buffer.byteLength(line) > mostPassphraseBytes)
        throw new ParleyError("invalid_config", { message: `The first line of ${path} is no passphrase.` });
      return line;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof ParleyError ? error : fileError(path, error);
  }
}

/** Until the end or so many bytes: a pipe gives what it has. */
async function readUpTo(file: Awaited<ReturnType<typeof open>>, most: number): Promise<string> {
  const bytes = Buffer.alloc(most);
  let filled = 0;
  while (filled < most) {
    const { bytesRead } = await file.read(bytes, filled, most - filled, null);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.toString("utf8", 0, filled);
}
