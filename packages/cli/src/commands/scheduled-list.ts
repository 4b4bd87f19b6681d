import type { ExitCode } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { withJournal } from "../open-device.ts";

export const run: CommandModule["run"] = (context) =>
  withJournal(context, async (device): Promise<ExitCode> => {
    const scheduled = await device.scheduled.list();
    const { out } = context;
    out.result({ scheduled }, () => {
      if (scheduled.length === 0) return out.line("nothing is scheduled");
      out.table(
        ["ID", "AT", "WHAT", "STANDS"],
        scheduled.map(({ id, at, act, failed }) => [
          id,
          formatTime(at),
          act.kind === "send" ? `to ${act.to}: ${act.text}` : `skill ${act.skill}`,
          failed === undefined ? "waits" : `${failed.message} (${failed.code})`,
        ]),
        { cutLast: true },
      );
    });
    return 0;
  });
