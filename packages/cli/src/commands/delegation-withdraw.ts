import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const typed = context.input.argument("delegation");
  return withDevice(context, async ({ device }) => {
    const { delegations } = device;
    const fitting = (await delegations.list()).filter(({ id }) => id.startsWith(typed));
    if (fitting.length > 1)
      throw new ParleyError("invalid_argument", { message: `${fitting.length} delegations begin with ${typed}.` });
    const id = fitting[0]?.id ?? typed;
    await delegations.withdraw(id);
    context.out.result({ withdrawn: id }, () =>
      context.out.line(`Taken back. What is done by it ends wherever this is heard, within a second.`),
    );
    return 0;
  });
};
