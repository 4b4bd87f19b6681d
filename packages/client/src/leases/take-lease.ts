/** Takes an advisory lease, and waits for it where somebody else holds it. */
import { type Clock, type Random, systemClock, systemRandom } from "@parley/core";
import { isParleyError, ParleyError, type ResourceLease, toBase64url, toParleyError } from "@parley/protocol";

import type { DeviceApi } from "../device-api.ts";

export interface LeaseOptions {
  /** Life in ms, and between renewals of one that is held on. Default ten minutes. */
  readonly forMs?: number;
  /** For whoever wants it too: what it is held for. */
  readonly note?: string;
  /** How long to wait while somebody else holds it. Default 0: not at all. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
  readonly random?: Random;
}

export const defaultLeaseMs = 600_000;
/** A hint that it is free may be lost: without one it is asked for again after this. */
const askAgainMs = 15_000;
/** Those who wait do not all ask at the same moment. */
const spreadMs = 100;

export type LeaseDevice = Pick<DeviceApi, "request" | "watch">;

/** Throws `lease_held` when it is not free in time, `limit_reached`, `forbidden`, `canceled`. */
export async function takeLease(
  device: LeaseDevice,
  resource: string,
  options: LeaseOptions = {},
): Promise<ResourceLease> {
  const { forMs = defaultLeaseMs, note, waitMs = 0, signal, clock = systemClock, random = systemRandom } = options;
  // The same in each try: one that was taken though its answer was lost is not waited for.
  const claim = toBase64url(random.bytes(16));
  const giveUpAt = clock.monotonic() + waitMs;
  for (;;) {
    if (signal?.aborted === true) throw new ParleyError("canceled");
    try {
      const wanted = { resource, claim, lifeMs: forMs, ...(note === undefined ? {} : { note }) };
      return (await device.request("resource.take", wanted)).lease;
    } catch (error) {
      const leftMs = giveUpAt - clock.monotonic();
      if (!isWorthWaiting(error) || leftMs <= 0) throw error;
      const draw = ((random.bytes(1)[0] ?? 0) / 255) * spreadMs;
      await untilFree(device, resource, Math.min(leftMs, askAgainMs), { clock, signal });
      await pause(clock, Math.min(draw, Math.max(0, giveUpAt - clock.monotonic())));
    }
  }
}

function isWorthWaiting(error: unknown): boolean {
  return isParleyError(error) && (error.code === "lease_held" || error.retryable);
}

/** Resolves when the registry says that it is free, or after so long. */
async function untilFree(
  device: LeaseDevice,
  resource: string,
  ms: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const over = Promise.withResolvers<void>();
  const unwatch = device.watch((event) => {
    if (event.type === "resource" && event.resource === resource && event.lease === undefined) over.resolve();
  });
  const timer = clock.setTimer(ms, over.resolve);
  const stop = (): void => over.resolve();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const { lease } = await device.request("resource.watch", { resource });
    if (lease !== undefined) await over.promise;
  } catch (error) {
    if (!toParleyError(error).retryable) throw error;
    await over.promise;
  } finally {
    unwatch();
    timer.cancel();
    signal?.removeEventListener("abort", stop);
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve));
}
