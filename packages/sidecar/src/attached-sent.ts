/** Something sent through the process that holds the device, and what is known of it here. */
import type { Delivery, DeviceEvent, Sent } from "@parley/client";
import { type DeliveryState, hasReached, type ParleyError, toParleyError } from "@parley/protocol";

import type { CallOptions, LocalCalls } from "./local-calls.ts";

/** What is known of the holder. */
export interface HolderView {
  readonly calls: LocalCalls;
  readonly watch: (listener: (event: DeviceEvent) => void) => () => void;
}

type SentOperation = "send" | "say" | "edit" | "retract" | "react";

/** Resolves when it is accepted; `ask` makes the call. */
export async function attachedSent(
  { calls, watch }: HolderView,
  ask: (options: CallOptions<SentOperation>) => Promise<Delivery>,
  signal?: AbortSignal,
): Promise<Sent> {
  const first = Promise.withResolvers<Delivery>();
  let newest: Delivery | undefined;
  const take = (delivery: Delivery): void => {
    newest = delivery;
  };
  const reply = ask({
    onEvent: (event) => {
      take("sent" in event ? event.sent : event.delivery);
      if ("sent" in event) first.resolve(event.sent);
    },
    signal,
  });
  reply.catch((error: unknown) => first.reject(toParleyError(error)));
  const accepted = await first.promise;
  const state = (): Delivery => newest ?? accepted;
  const settled = reply.then(
    (delivery) => {
      take(delivery);
      return delivery;
    },
    (error: unknown): Delivery => lost(state(), toParleyError(error)),
  );
  /** Beyond the settlement, which ends the operation, the holder's events tell. */
  const reaches = async (wanted: DeliveryState): Promise<Delivery> => {
    if (hasReached(state().state, wanted)) return state();
    return new Promise((resolve) => {
      const end = (delivery: Delivery): void => {
        stop();
        resolve(delivery);
      };
      const stop = watch((event) => {
        if (event.type !== "delivery" || event.delivery.id !== state().id) return;
        take(event.delivery);
        if (hasReached(event.delivery.state, wanted)) end(event.delivery);
      });
      void settled.then((delivery) => hasReached(delivery.state, wanted) && end(delivery));
      void calls.closed.then((error) => end(lost(state(), error)));
    });
  };
  return { id: accepted.id, accepted, state, settled, reaches };
}

/** The holder went while a message was under way: it stays accepted, and what became of it is not known here. */
function lost(newest: Delivery, { code, message }: ParleyError): Delivery {
  return { ...newest, error: { code, message } };
}
