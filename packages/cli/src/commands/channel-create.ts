import type { ChannelDraft } from "@parley/client";
import { limits, ParleyError } from "@parley/protocol";

import { printChannel } from "../channel-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { withDevice } from "../open-device.ts";

const mebibyte = 1_048_576;

/** Makes a channel; its maker is in it. */
export const run: CommandModule["run"] = async (context) => {
  const draft = draftOf(context);
  return withDevice(context, async ({ device }) => {
    printChannel(context, await device.conversations.createChannel(draft));
    return 0;
  });
};

function draftOf({ input }: CommandContext): ChannelDraft {
  const topic = input.text("topic");
  const history = input.text("history");
  if (history !== undefined && history !== "all" && history !== "joined")
    throw new ParleyError("invalid_argument", { message: "--history must be all or joined." });
  const posts = input.integer("keep-posts", 1, limits.channelPosts);
  const mib = input.integer("keep-mib", 1, limits.channelBytes / mebibyte);
  const ageMs = input.duration("keep-for", limits.channelAgeMs);
  const retention = {
    ...(posts === undefined ? {} : { posts }),
    ...(mib === undefined ? {} : { bytes: mib * mebibyte }),
    ...(ageMs === undefined ? {} : { ageMs }),
  };
  return {
    name: channelArgument(input.argument("channel")).slice(1),
    kind: input.switch("invite-only") ? "invite" : "public",
    ...(topic === undefined ? {} : { topic }),
    ...(history === undefined ? {} : { history }),
    ...(Object.keys(retention).length === 0 ? {} : { retention }),
  };
}
