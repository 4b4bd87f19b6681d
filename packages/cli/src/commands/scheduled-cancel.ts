import type { ExitCode } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withJournal } from "../open-device.ts";

export const run: CommandModule["run"] = (context) =>
  withJournal(context, async (device): Promise<ExitCode> => {
    const id = context.input.argument("id");
    await device.scheduled.cancel(id);
    context.out.result({ id, cancelled: true }, () => context.out.line(`forgot ${id}`));
    return 0;
  });
