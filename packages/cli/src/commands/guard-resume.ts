import { type ExitCode, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withJournal } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const typed = input.argument("conversation");
  return withJournal(context, async ({ guards }): Promise<ExitCode> => {
    const loops = await guards.loops();
    const found = loops.filter(
      ({ conversation, name }) => conversation === typed || name === typed || name.slice(1) === typed,
    );
    const [loop] = found;
    if (loop === undefined)
      throw new ParleyError("not_found", { message: "No such conversation stands still; see `parley guard list`." });
    if (found.length > 1)
      throw new ParleyError("invalid_argument", { message: "Several of this name stand still; give the key of one." });
    await guards.resumeLoop(loop.conversation);
    out.result({ resumed: loop.conversation }, () => out.line(`${loop.name} goes on.`));
    return 0;
  });
};
