import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { nameOf } from "../delivery-table.ts";
import { formatMoment } from "../moment.ts";
import { withDevice } from "../open-device.ts";

/** Lists who is in a channel. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const channel = channelArgument(input.argument("channel"));
    const members = await device.conversations.channelMembers(channel);
    out.result({ channel, members }, () =>
      out.table(
        ["MEMBER", "KIND", "PRESENCE", "SINCE", "OWNER", "MUTED"],
        members.map(({ name, member, kind, present, since, owner, muted }) => [
          nameOf(name, member),
          kind ?? "",
          present ? "connected" : "offline",
          new Date(since).toISOString().slice(0, 10),
          owner ? "yes" : "",
          muted === undefined
            ? ""
            : muted.until === undefined
              ? "yes"
              : `until ${formatMoment(muted.until, Date.now())}`,
        ]),
      ),
    );
    return 0;
  });
