import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** Takes a device off this member's list; what is sent from then on is sealed to a key that it does not get. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ devices }) => {
    const { input, out } = context;
    const { device, label } = await devices.remove(input.argument("device"));
    out.result({ removed: device, label }, () => {
      out.line(`${label} is no device of this member any more (${device}).`);
      out.note("The encryption key was replaced. What that device has on its disk stays there.");
    });
    return 0;
  });
