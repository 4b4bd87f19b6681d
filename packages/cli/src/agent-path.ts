import { resolve } from "node:path";

import { findAgentFolder } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

/** Where the agent of a command is: the folder, manifest or module that was named, else the nearest agent.yaml upward. Throws `invalid_manifest`. */
export function agentPathOf(cwd: string, given: string | undefined): string {
  const path = given === undefined ? findAgentFolder(cwd) : resolve(cwd, given);
  if (path !== undefined) return path;
  throw new ParleyError("invalid_manifest", {
    message: "There is no agent.yaml here or above; `parley init` writes one.",
  });
}
