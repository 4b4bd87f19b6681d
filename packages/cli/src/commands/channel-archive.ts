import { printChannel } from "../channel-view.ts";
import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { withDevice } from "../open-device.ts";

/** Closes a channel for writing, or with `--undo` opens it again. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input } = context;
    const channel = channelArgument(input.argument("channel"));
    printChannel(context, await device.conversations.changeChannel(channel, { archived: !input.switch("undo") }));
    return 0;
  });
