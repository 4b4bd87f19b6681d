/** Where the plain door lives: `door` in the registry's data folder is its home, and holds its door tokens. */
import { join } from "node:path";

import { readPrivateFile } from "@parley/client/node";
import { systemClock, systemRandom } from "@parley/core";
import { DoorTokens } from "@parley/door";
import { ParleyError } from "@parley/protocol";

import { nodeKeyFile } from "../registry-folder.ts";
import { DoorTokenFolder } from "./door-token-folder.ts";

export const doorHomeOf = (data: string): string => join(data, "door");

/** The door tokens of a data folder. Throws `not_found` where no registry keeps its data. */
export async function doorTokensOf(data: string): Promise<DoorTokens> {
  if ((await readPrivateFile(join(data, nodeKeyFile))) === undefined)
    throw new ParleyError("not_found", {
      message: `${data} is not the data folder of a registry; name it with --data, as for \`parley up\`.`,
    });
  const store = await doorTokenFolderOf(data);
  return new DoorTokens({ store, clock: systemClock, random: systemRandom });
}

/** The folder of the tokens. Throws `storage_unavailable`. */
export const doorTokenFolderOf = (data: string): Promise<DoorTokenFolder> =>
  DoorTokenFolder.open(join(doorHomeOf(data), "tokens"));
