import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** A new root key, signed by the present one. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { out } = context;
    const { number, rootKey } = await device.rotateRoot();
    out.result({ member: device.member, number, rootKey }, () => {
      out.line(`@${device.name} has a new root key (change ${number}). Its id, its name and its devices stay.`);
      out.note("What `parley identity export` wrote before holds the old one: export again and remove the old file.");
    });
    return 0;
  });
