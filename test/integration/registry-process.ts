/**
 * A registry on SQLite as a process of its own, for tests that kill it. Arguments: data folder, node key, port, bounds
 * that differ as JSON, and the file that says by how much its clock is moved, if it is.
 */
import { importSigner, systemClock } from "@parley/core";
import { createRegistry, type RegistryBounds } from "@parley/registry";
import { openSqliteStores } from "@parley/store-sqlite";

import { JumpingClock, MovesFile } from "./jumping-clock.ts";

const [dir = "", nodeKey = "", port = "0", bounds = "{}", moves] = process.argv.slice(2);
const clock = moves === undefined ? systemClock : new JumpingClock(new MovesFile(moves).read);
const registry = createRegistry({
  stores: openSqliteStores({ dir, clock }),
  nodeKey: await importSigner("node", nodeKey),
  port: Number(port),
  clock,
  bounds: JSON.parse(bounds) as Partial<RegistryBounds>,
});
const { origin } = await registry.start();
process.send?.({ origin, claimSecret: registry.claimSecret });
