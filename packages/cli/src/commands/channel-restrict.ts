/** `parley channel mute`, `ban`, and what lifts each of them. */
import { limits, visible } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { formatTime } from "../moment.ts";
import { withDevice } from "../open-device.ts";

const restrict = (kind: "muted" | "banned"): CommandModule => ({
  run: (context) =>
    withDevice(context, async ({ device }) => {
      const { input, out } = context;
      const channel = channelArgument(input.argument("channel"));
      const { member, name } = await device.memberOf(input.argument("member"));
      const [forMs, reason] = [input.duration("for", limits.restrictionMs), input.text("reason")];
      const id = (await device.request("channel.get", { name: channel.slice(1) })).channel.channel;
      await device.request("channel.restrict", {
        channel: id,
        member,
        kind,
        ...(forMs === undefined ? {} : { forMs }),
        ...(reason === undefined ? {} : { reason }),
      });
      const until = forMs === undefined ? undefined : Date.now() + forMs;
      out.result({ channel, member, name, kind, ...(until === undefined ? {} : { until }) }, () =>
        out.line(
          `@${visible(name)} is ${kind} in ${channel} until ${until === undefined ? "that is lifted" : formatTime(until).slice(0, -4)}.`,
        ),
      );
      return 0;
    }),
});

const lift = (kind: "muted" | "banned"): CommandModule => ({
  run: (context) =>
    withDevice(context, async ({ device }) => {
      const { input, out } = context;
      const channel = channelArgument(input.argument("channel"));
      const { member, name } = await device.memberOf(input.argument("member"));
      const id = (await device.request("channel.get", { name: channel.slice(1) })).channel.channel;
      await device.request("channel.lift", { channel: id, member, kind });
      out.result({ channel, member, name, lifted: kind }, () =>
        out.line(`@${visible(name)} is not ${kind} in ${channel} any more.`),
      );
      return 0;
    }),
});

export const mute = restrict("muted");
export const ban = restrict("banned");
export const unmute = lift("muted");
export const unban = lift("banned");
