import { labelSchema, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** Prints a session token, for a script that runs beside this device. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const audience = input.text("audience");
  if (audience !== undefined && !labelSchema.safeParse(audience).success)
    throw new ParleyError("invalid_argument", { message: "--audience has 1-64 characters on one line." });
  return withDevice(context, async ({ device }) => {
    const { token, expires } = await device.request("token.get", audience === undefined ? {} : { audience });
    out.result({ token, expires }, () => {
      out.line(token);
      out.note(`Good until ${new Date(expires).toISOString()}, as the header "authorization: Bearer …".`);
    });
    return 0;
  });
};
