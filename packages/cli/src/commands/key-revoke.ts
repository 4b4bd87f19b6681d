import { apiKeyIdSchema, parseApiKey, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const given = input.argument("key");
  // Whoever has found a whole key somewhere ends it as it is.
  const key = parseApiKey(given)?.id ?? given;
  if (!apiKeyIdSchema.safeParse(key).success)
    throw new ParleyError("invalid_argument", {
      message: "This is not the id of an API key; see `parley key list`.",
    });
  return withDevice(context, async ({ device }) => {
    await device.request("key.revoke", { key });
    out.result({ revoked: key }, () => out.line(`The API key ${key} has ended; nothing that shows it is served.`));
    return 0;
  });
};
