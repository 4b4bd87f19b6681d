import type { ExitCode } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withJournal } from "../open-device.ts";

export const run: CommandModule["run"] = (context) =>
  withJournal(context, async (device): Promise<ExitCode> => {
    const { out } = context;
    const delegations = await device.delegations.list();
    out.result({ delegations }, () => {
      if (delegations.length === 0) return out.line("This device gave no delegation that has not ended.");
      const now = Date.now();
      out.table(
        ["DELEGATION", "TO", "SKILLS", "ENDS IN", "STATE"],
        delegations.map(({ id, name, skills, expires, withdrawn }) => [
          id,
          `@${name}`,
          skills.join(", "),
          formatDuration(Math.max(0, expires - now)),
          withdrawn ? "withdrawn" : "holds",
        ]),
      );
    });
    return 0;
  });
