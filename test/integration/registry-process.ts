/** A registry on SQLite as a process of its own, for tests that kill it. Arguments: data folder, node key, port. */
import { importSigner, systemClock } from "@parley/core";
import { createRegistry } from "@parley/registry";
import { openSqliteStores } from "@parley/store-sqlite";

const [dir = "", nodeKey = "", port = "0"] = process.argv.slice(2);
const registry = createRegistry({
  stores: openSqliteStores({ dir, clock: systemClock }),
  nodeKey: await importSigner("node", nodeKey),
  port: Number(port),
});
const { origin } = await registry.start();
process.send?.({ origin, claimSecret: registry.claimSecret });
