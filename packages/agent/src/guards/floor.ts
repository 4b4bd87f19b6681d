/** Of many agents that a post calls, one answers: who has the floor, by the registry's word. */
import type { DeviceApi, LogLine } from "@parley/client";
import { toParleyError } from "@parley/protocol";

export interface FloorPost {
  /** The channel's id. */
  readonly channel: string;
  readonly post: string;
}

/**
 * Does the work when this agent has the floor; false when another one has it. A registry that cannot be asked, or knows
 * nothing of floors, keeps nobody from answering.
 */
export async function withFloor(
  { device, log }: { readonly device: DeviceApi; readonly log: LogLine },
  place: FloorPost,
  work: () => Promise<void>,
): Promise<boolean> {
  const floor = await device.request("channel.floor", { ...place }).catch((error: unknown) => {
    log("warn", "floor.not-asked", { code: toParleyError(error).code });
    return undefined;
  });
  if (floor?.granted === false && floor.holder !== undefined) {
    log("info", "floor.held", { post: place.post, by: floor.holder, answered: floor.answered });
    return false;
  }
  let end: "answered" | "passed" = "passed";
  try {
    await work();
    end = "answered";
  } finally {
    if (floor?.granted === true) {
      await device.request("channel.floor", { ...place, end }).catch((error: unknown) => {
        // It ends by itself.
        log("warn", "floor.not-given-back", { code: toParleyError(error).code });
      });
    }
  }
  return true;
}
