import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { withDevice } from "../open-device.ts";

/** Leaves a channel; what this device remembers of it stays. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const channel = channelArgument(input.argument("channel"));
    await device.conversations.leaveChannel(channel);
    out.result({ channel, joined: false }, () => out.line(`left ${channel}`));
    return 0;
  });
