import type { CommandModule } from "../command.ts";
import { printContact } from "../contact-view.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    printContact(context, await device.conversations.contact(context.input.argument("member")));
    return 0;
  });
