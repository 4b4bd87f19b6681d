/** What the operation on advisory leases does with the device of this process. */
import { HeldLease } from "@parley/client";

import type { leaseOperations } from "./lease-operations.ts";
import { type Handlers, untilAborted } from "./request-context.ts";

export const leaseHandlers: Handlers<keyof typeof leaseOperations> = {
  async holdLease({ device, body, signal, emit }) {
    const { resource, ...options } = body;
    await using held = await HeldLease.take(device, resource, { ...options, signal });
    await emit({ lease: held.lease });
    await Promise.race([untilAborted(signal), untilAborted(held.signal)]);
    if (!signal.aborted) held.signal.throwIfAborted();
    return {};
  },
};
