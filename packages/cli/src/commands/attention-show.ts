import type { ExitCode } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { printAttention } from "../guard-view.ts";
import { withJournal } from "../open-device.ts";

export const run: CommandModule["run"] = (context) =>
  withJournal(context, async (device): Promise<ExitCode> => {
    printAttention(context, await device.guards.attention());
    return 0;
  });
