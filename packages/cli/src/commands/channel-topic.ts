import { visible } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { withDevice } from "../open-device.ts";

/** Shows what a channel is about, or says it anew. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const channel = channelArgument(input.argument("channel"));
    const wanted = input.optionalArgument("topic");
    const { conversations } = device;
    const { topic } =
      wanted === undefined
        ? await conversations.channel(channel)
        : await conversations.changeChannel(channel, { topic: wanted });
    out.result({ channel, topic }, () => out.line(topic === "" ? `${channel} has no topic.` : visible(topic)));
    return 0;
  });
