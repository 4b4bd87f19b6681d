/** How a device that serves comes to its end without its own process wanting it. */
import type { DeviceApi } from "@parley/client";
import type { Restriction } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { restrictionJson, restrictionText } from "./restriction-text.ts";

export function stoppedBy(restriction: Restriction): ParleyError {
  return new ParleyError("stopped", {
    message: `An operator has this agent ${restrictionText(restriction)}; it runs again after \`parley member resume\`.`,
    data: restrictionJson(restriction),
  });
}

/** Resolves when the session ended for good: revoked, superseded; or when an operator stops the agent. */
export function untilEnded(device: DeviceApi): Promise<ParleyError> {
  return new Promise((resolvePromise) => {
    device.watch((event) => {
      if (event.type === "restricted" && event.restriction?.kind === "stopped")
        resolvePromise(stoppedBy(event.restriction));
      if (event.type === "session" && event.state === "stopped" && event.error !== undefined)
        resolvePromise(new ParleyError(event.error.code, { message: event.error.message }));
    });
  });
}
