import { visible } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = ({ input, out, ...rest }) =>
  withDevice({ input, out, ...rest }, async ({ device }) => {
    const resource = input.argument("resource");
    const { lease } = await device.request("resource.break", { resource });
    out.result(lease, () => out.line(`took ${visible(resource)} away from @${lease.name}`));
    return 0;
  });
