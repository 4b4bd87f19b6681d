import { id16Schema, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const invite = input.argument("invite");
  if (!id16Schema.safeParse(invite).success)
    throw new ParleyError("invalid_argument", {
      message: "This is not the id of an invite; see `parley invite list`.",
    });
  return withDevice(context, async ({ operator }) => {
    await operator.cancelInvite(invite);
    out.result({ canceled: invite }, () => out.line(`The invite ${invite} is closed.`));
    return 0;
  });
};
