/** What the handlers of operations have to work with. */
import type { Delivery, DeviceApi, Sent } from "@parley/client";

import type { OperationBody, OperationEventJson, OperationName, OperationReplyJson } from "./operations.ts";
import type { ServedTasks } from "./served-tasks.ts";
import type { SkillHost } from "./skill-host.ts";

/** What a handler has of its request. */
export interface RequestContext<Name extends OperationName> {
  readonly device: DeviceApi;
  readonly body: OperationBody<Name>;
  /** Aborted when the caller cancels or goes. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970 when this process took the device. */
  readonly since: number;
  /** As the caller calls itself. */
  readonly program: string;
  /** The agent at work in this process, if it takes skills of programs. */
  readonly host: SkillHost | undefined;
  /** The tasks that this connection works on. */
  readonly served: ServedTasks;
  /** Sends an event; resolves when there is room for the next. */
  readonly emit: (event: OperationEventJson<Name>) => Promise<void>;
  /** Sends an event and resolves when the caller has dealt with it; rejects when it goes first. */
  readonly emitAcknowledged: (event: OperationEventJson<Name>) => Promise<void>;
}

/** Handlers of some operations. */
export type Handlers<Names extends OperationName> = {
  readonly [Name in Names]: (context: RequestContext<Name>) => Promise<OperationReplyJson<Name>>;
};

/** Resolves when the caller has had enough. */
export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** A field that is left out when undefined. */
export function given<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}

interface SentContext {
  readonly device: DeviceApi;
  readonly signal: AbortSignal;
  readonly emit: (event: { sent: Delivery } | { delivery: Delivery }) => Promise<void>;
}

/** Says something and streams what becomes of it, until it is settled or the caller has had enough. */
export async function followSent({ device, signal, emit }: SentContext, say: () => Promise<Sent>): Promise<Delivery> {
  const early: Delivery[] = [];
  let take = (delivery: Delivery): void => void early.push(delivery);
  const stop = device.watch((event) => event.type === "delivery" && take(event.delivery));
  try {
    const sent = await say();
    await emit({ sent: sent.accepted });
    take = (delivery) =>
      delivery.id === sent.id && delivery.state !== "accepted" && void emit({ delivery }).catch(() => undefined);
    early.forEach(take);
    const settled = await Promise.race([sent.settled, untilAborted(signal)]);
    return settled ?? sent.state();
  } finally {
    stop();
  }
}
