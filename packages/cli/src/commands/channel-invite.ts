import { visible } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const channel = channelArgument(input.argument("channel"));
    const { member, name } = await device.memberOf(input.argument("member"));
    await device.conversations.inviteTo(channel, member);
    out.result({ channel, member, name }, () => out.line(`@${visible(name)} may come into ${channel}`));
    return 0;
  });
