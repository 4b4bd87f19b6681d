/** The data folder of a registry node: its stores and its key. */
import { join } from "node:path";

import { preparePrivateFolder, readPrivateFile, writePrivateFile } from "@parley/client/node";
import { createSigner, exportSigner, importSigner, type Signer } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import type { PrivateText } from "@parley/registry";

export const nodeKeyFile = "node.key";
const tokenKeysFile = "token.keys";

/** The node's key: read, or made at the first start. Throws `storage_unavailable` when folder or file are not private. */
export async function nodeKeyOf(folder: string): Promise<Signer> {
  await preparePrivateFolder(folder);
  const path = join(folder, nodeKeyFile);
  const stored = await readPrivateFile(path);
  if (stored === undefined) {
    const made = await createSigner("node");
    await writePrivateFile(path, `${await exportSigner(made)}\n`);
    return made;
  }
  try {
    return await importSigner("node", stored.trim());
  } catch (cause) {
    throw new ParleyError("invalid_config", {
      message: `${path} is damaged; restore it from a backup, or the members will not recognise this registry.`,
      cause,
    });
  }
}

/** The keys for session tokens, beside the node's key and as private. They change each day: a lost file costs nothing but five minutes of tokens. */
export function tokenKeysOf(folder: string): PrivateText {
  const path = join(folder, tokenKeysFile);
  return { read: () => readPrivateFile(path), write: (text) => writePrivateFile(path, text) };
}
