import type { IceServer } from "@parley/core";

import type { CommandContext } from "../command-context.ts";
import { openDevice } from "../open-device.ts";

/** What one session shows: that it opens, and the servers for links. */
export interface SessionFacts {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly admittedUntil: number;
  readonly ice: readonly IceServer[];
  /** Process that holds the device, when it is another. */
  readonly heldBy: boolean;
}

/** Opens a session through whoever holds the device. Throws what opening it throws. */
export async function lookAtSession(context: CommandContext): Promise<SessionFacts> {
  const opened = await openDevice(context);
  try {
    const { device } = opened;
    const [{ servers }, { verified }] = await Promise.all([
      device.request("ice.get", {}),
      device.memberOf(device.member),
    ]);
    const ice = servers.map(({ urls, username, credential }) => ({
      urls,
      ...(username === undefined ? {} : { username }),
      ...(credential === undefined ? {} : { credential }),
    }));
    return {
      name: device.name,
      admittedUntil: verified.admissionExpires,
      ice,
      heldBy: opened.holderGone !== undefined,
    };
  } finally {
    await opened.close();
  }
}
