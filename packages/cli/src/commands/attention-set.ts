import { type ExitCode, limits, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { attentionModes, printAttention } from "../guard-view.ts";
import { withJournal } from "../open-device.ts";

/** The process that holds the device hears of it at once; without one it holds from the next start. */
export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  const typed = input.argument("mode");
  const mode = attentionModes.find((each) => each === typed);
  if (mode === undefined && typed !== "manifest")
    throw new ParleyError("invalid_argument", {
      message: `MODE must be one of ${attentionModes.join(", ")}, manifest.`,
    });
  const forMs = input.duration("for", limits.expiryMs);
  return withJournal(context, async (device): Promise<ExitCode> => {
    printAttention(context, await device.guards.setAttention(mode, forMs === undefined ? {} : { forMs }));
    return 0;
  });
};
