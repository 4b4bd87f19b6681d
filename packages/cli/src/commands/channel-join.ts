import { printChannel } from "../channel-view.ts";
import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    printChannel(context, await device.conversations.joinChannel(channelArgument(context.input.argument("channel"))));
    return 0;
  });
