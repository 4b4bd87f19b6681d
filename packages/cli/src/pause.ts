import { setTimeout as wait } from "node:timers/promises";

/** Waits; false when it was aborted meanwhile. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return wait(ms, true, { signal }).catch(() => false);
}
