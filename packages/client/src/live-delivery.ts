/** What becomes of a live message: it is acknowledged, its time runs out, or one of the two sides forgets it. */
import type { Clock } from "@parley/core";
import { envelopeId, envelopeKinds } from "@parley/protocol";

import type { Delivery, DeliveryState, Sent } from "./delivery.ts";
import type { LiveStream } from "./live-streams.ts";

export interface LiveFollowing {
  readonly firstSeq: number;
  readonly seq: number;
  readonly clock: Clock;
  /** Milliseconds after which it is worth nothing any more. */
  readonly ttlMs: number;
  /** False once the stream was forgotten, because one side starts anew. */
  readonly isCurrent: () => boolean;
  readonly isStopped: () => boolean;
  readonly delivered: () => Pick<Delivery, "path" | "device">;
}

/** Follows a body of a live stream to its end. */
export function followLive(live: LiveStream, following: LiveFollowing): Sent {
  const { seq, clock } = following;
  const started = clock.monotonic();
  const fact = (state: DeliveryState, facts: Partial<Delivery> = {}): Delivery => ({
    id: envelopeId(live.stream.epoch, seq),
    state,
    at: clock.now(),
    tookMs: clock.monotonic() - started,
    path: undefined,
    reason: undefined,
    device: undefined,
    error: undefined,
    ...facts,
  });
  const accepted = fact("accepted");
  let newest = accepted;
  const settled = settle(live, following).then((end) => (newest = fact(end.state, end)));
  return {
    id: accepted.id,
    accepted,
    state: () => newest,
    settled,
    // A live message is never more than delivered: nobody vouches for what memory forgets.
    reaches: (state) => (state === "accepted" ? Promise.resolve(accepted) : settled),
  };
}

async function settle(
  live: LiveStream,
  following: LiveFollowing,
): Promise<Pick<Delivery, "state"> & Partial<Delivery>> {
  const { seq, clock, ttlMs } = following;
  let isDue = false;
  const timer = clock.setTimer(ttlMs, () => {
    isDue = true;
    for (const resume of live.settling.splice(0)) resume();
  });
  try {
    while (live.stream.base <= seq) {
      if (following.isStopped())
        return { state: "refused", error: { code: "closed", message: "This device stopped before it was taken." } };
      if (!following.isCurrent())
        return {
          state: "refused",
          error: { code: "not_connected", message: "The recipient started anew before it took this." },
        };
      if (isDue) {
        withdraw(live, following);
        return { state: "expired" };
      }
      await new Promise<void>((resolve) => live.settling.push(resolve));
    }
    return { state: "delivered", ...following.delivered() };
  } finally {
    timer.cancel();
  }
}

/** Its numbers stay, so that the order has no hole. */
function withdraw(live: LiveStream, { firstSeq, seq }: LiveFollowing): void {
  for (let each = firstSeq; each <= seq; each++) {
    const before = live.stream.at(each);
    if (before !== undefined)
      live.stream.replace(each, {
        ...before,
        kind: envelopeKinds.void,
        critical: false,
        more: false,
        body: new Uint8Array(),
      });
  }
}
