import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** Forgets the secret of a conversation: the other side, while it has it, refuses what comes without. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    await device.conversations.removeSecret(input.argument("member"));
    out.result({ secret: "none" }, () => out.line("removed"));
    out.note("Messages are still sealed between the devices. The other side removes it as well.");
    return 0;
  });
