import type { ExitCode } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withJournal } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const id = context.input.argument("client");
  return withJournal(context, async ({ guards }): Promise<ExitCode> => {
    await guards.admit(id);
    context.out.result({ admitted: id }, () => context.out.line("From now on what it says reaches the program."));
    return 0;
  });
};
