/** The data folder of a registry node: its stores and its key. */
import { join } from "node:path";

import { preparePrivateFolder, readPrivateFile, writePrivateFile } from "@parley/client/node";
import { createSigner, exportSigner, importSigner, type Signer } from "@parley/core";
import { ParleyError } from "@parley/protocol";

export const nodeKeyFile = "node.key";

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
