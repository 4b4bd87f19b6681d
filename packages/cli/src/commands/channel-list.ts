import { withArchive } from "../archive-access.ts";
import { channelJson, kindText } from "../channel-view.ts";
import type { CommandModule } from "../command.ts";

/** Lists the channels that this member may see. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const options = {
    ...(input.switch("joined") ? { joined: true } : {}),
    ...(input.switch("archived") ? { archived: true } : {}),
  };
  return withArchive(context, async ({ device }) => {
    const channels = await device.conversations.channels(options);
    out.result({ channels: channels.map(channelJson) }, () => {
      if (channels.length === 0) return out.line("No channel.");
      out.table(
        ["CHANNEL", "KIND", "MEMBERS", "UNREAD", "TOPIC"],
        channels.map((view) => [
          `#${view.name}`,
          kindText(view),
          String(view.members),
          view.joined ? String(view.unread) : "not joined",
          view.topic,
        ]),
        { cutLast: true },
      );
    });
    return 0;
  });
};
