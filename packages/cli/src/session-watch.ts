import type { DeviceApi } from "@parley/client";

/** Tells once that the session was lost, and once that it is back, however many tries lie between. Returns the way out. */
export function watchConnection(
  device: Pick<DeviceApi, "state" | "watch">,
  tell: (connected: boolean) => void,
): () => void {
  let isLost = device.state !== "connected";
  return device.watch((event) => {
    if (event.type !== "session") return;
    if (event.state === "waiting" && !isLost) {
      isLost = true;
      tell(false);
    } else if (event.state === "connected" && isLost) {
      isLost = false;
      tell(true);
    }
  });
}
