import type { Clock } from "@parley/core";

import { Refusal } from "./refusal.ts";

/** What the mesh answers, or UNAVAILABLE when it does not answer in time. */
export async function withinTime<Value>(clock: Clock, ms: number, answer: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimer(ms, () =>
    late.reject(new Refusal("UNAVAILABLE", "The mesh does not answer; what was asked for may still happen.")),
  );
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    timer.cancel();
  }
}
