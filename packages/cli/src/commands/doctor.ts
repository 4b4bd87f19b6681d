import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async () => {
  throw new ParleyError("unsupported_operation");
};
