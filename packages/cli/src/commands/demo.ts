import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async () => {
  throw new ParleyError("unsupported_operation", { message: "The demo is not part of this build." });
};
