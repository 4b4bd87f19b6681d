import type { ExitCode } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { nameOf } from "../delivery-table.ts";
import { printGuards } from "../guard-view.ts";
import { withJournal } from "../open-device.ts";

export const run: CommandModule["run"] = (context) =>
  withJournal(context, async (device): Promise<ExitCode> => {
    const [loops, held, contacts] = await Promise.all([
      device.guards.loops(),
      device.guards.held(),
      device.conversations.contacts("request"),
    ]);
    const requests = contacts.map(({ name, member }) => nameOf(name, member));
    printGuards(context, loops, held, requests);
    return 0;
  });
