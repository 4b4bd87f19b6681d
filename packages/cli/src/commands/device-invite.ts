import { labelSchema, limits, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";

/** Opens a one-time link for one more device of this member, and waits until it was used. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, signal } = context;
  const label = input.text("label");
  if (label !== undefined && !labelSchema.safeParse(label).success)
    throw new ParleyError("invalid_argument", {
      message: "--label must have 1 to 64 characters without control characters.",
    });
  const lifeMs = input.duration("life", limits.enrolmentLifeMs);
  return withDevice(context, async ({ devices }) => {
    const invite = await devices.invite({
      ...(label === undefined ? {} : { label }),
      ...(lifeMs === undefined ? {} : { lifeMs }),
    });
    out.event({ event: "link", text: invite.text, expires: invite.expires }, invite.text);
    const life = formatDuration(invite.expires - Date.now());
    out.note(`for one device, within ${life}; it becomes this member. There: parley pair '<the link>'`);
    out.progress("waiting for the new device…");
    const enrolled = await invite.enrolled(signal);
    out.result({ event: "enrolled", ...enrolled }, () =>
      out.line(`${enrolled.label} is a device of this member now (${enrolled.device}).`),
    );
    return 0;
  });
};
