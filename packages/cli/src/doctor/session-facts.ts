import type { IceServer } from "@parley/core";

import type { CommandContext } from "../command-context.ts";
import { openDevice } from "../open-device.ts";

/** What one session shows: that it opens, and the servers for links. */
export interface SessionFacts {
  readonly name: string;
  readonly ice: readonly IceServer[];
  /** Process that holds the device, when it is another. */
  readonly heldBy: boolean;
}

/** Opens a session through whoever holds the device. Throws what opening it throws. */
export async function lookAtSession(context: CommandContext): Promise<SessionFacts> {
  const opened = await openDevice(context);
  try {
    const { servers } = await opened.device.request("ice.get", {});
    const ice = servers.map(({ urls, username, credential }) => ({
      urls,
      ...(username === undefined ? {} : { username }),
      ...(credential === undefined ? {} : { credential }),
    }));
    return { name: opened.device.name, ice, heldBy: opened.holderGone !== undefined };
  } finally {
    await opened.close();
  }
}
