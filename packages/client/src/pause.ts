import type { Clock } from "@parley/core";

/** Resolves after a while, or at once when the signal is aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = clock.setTimer(ms, wake);
    signal?.addEventListener("abort", wake);
    if (signal?.aborted === true) wake();
  });
}
