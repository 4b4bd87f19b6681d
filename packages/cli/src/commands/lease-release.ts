import { visible } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = ({ input, out, ...rest }) =>
  withDevice({ input, out, ...rest }, async ({ device }) => {
    const resource = input.argument("resource");
    await device.request("resource.release", { resource });
    out.result({ resource, released: true }, () => out.line(`gave ${visible(resource)} back`));
    return 0;
  });
