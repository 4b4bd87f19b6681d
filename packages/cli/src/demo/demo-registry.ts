import { type Signer, type Stores, systemClock, systemRandom } from "@parley/core";
import { formatInviteLink, isParleyError, ParleyError } from "@parley/protocol";
import { createRegistry, type PrivateText, type Registry } from "@parley/registry";
import { openSqliteStores } from "@parley/store-sqlite";

import { nodeKeyOf, tokenKeysOf } from "../registry-folder.ts";

/** A running registry. */
export interface DemoRegistry {
  readonly origin: string;
  readonly port: number;
  /** The one-time link of a mesh that nobody has claimed yet. */
  readonly claimLink: string | undefined;
  stop(): Promise<void>;
}

/** Ports tried one after the other before any free one is taken. */
const portsTried = 20;

/** Starts a registry on SQLite, on `port` or the next free one. */
export async function startRegistry(folder: string, port: number): Promise<DemoRegistry> {
  const nodeKey = await nodeKeyOf(folder);
  const stores = openSqliteStores({ dir: folder, clock: systemClock, random: systemRandom });
  try {
    const { registry, listening } = await listen({ stores, nodeKey, tokenKeys: tokenKeysOf(folder) }, port);
    const { claimSecret: secret, origin } = registry;
    return {
      origin,
      port: listening,
      claimLink:
        secret === undefined
          ? undefined
          : formatInviteLink({ registry: origin, payload: { v: 1, kind: "claim", secret, node: nodeKey.id } }),
      stop: async () => {
        await registry.stop();
        await stores.close();
      },
    };
  } catch (error) {
    await stores.close();
    throw error;
  }
}

interface Kept {
  readonly stores: Stores;
  readonly nodeKey: Signer;
  readonly tokenKeys: PrivateText;
}

async function listen(
  { stores, nodeKey, tokenKeys }: Kept,
  first: number,
): Promise<{ registry: Registry; listening: number }> {
  const ports = Array.from({ length: portsTried }, (_, index) => first + index).filter((port) => port <= 65_535);
  for (const port of first === 0 ? [0] : [...ports, 0]) {
    const registry = createRegistry({ stores, nodeKey, tokenKeys, port });
    try {
      const { port: listening } = await registry.start();
      return { registry, listening };
    } catch (error) {
      if (!isParleyError(error) || error.code !== "address_in_use") throw error;
    }
  }
  throw new ParleyError("address_in_use");
}
