/** A registry on SQLite that says when it takes sessions. */
import { createSigner, systemClock } from "@parley/core";
import { createRegistry } from "@parley/registry";
import { openSqliteStores } from "@parley/store-sqlite";

import { answerCommands } from "../role.ts";

const commands = {
  async start(dir: string): Promise<void> {
    const stores = openSqliteStores({ dir, clock: systemClock });
    await createRegistry({ stores, nodeKey: await createSigner("node"), port: 0 }).start();
  },
};

export type ReadyCommands = typeof commands;
answerCommands(commands);
