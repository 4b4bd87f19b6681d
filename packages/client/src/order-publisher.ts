/** Publishes the next of a numbered order, however many operators do the same. */
import { type MeshTrust, signStatement, type Signer } from "@parley/core";
import { isParleyError, type OrderType, ParleyError, type Statement } from "@parley/protocol";

import type { DeviceApi } from "./device-api.ts";

export interface OrderPublisherOptions {
  readonly device: Pick<DeviceApi, "request">;
  /** The operator's root key. */
  readonly root: Signer | undefined;
  /** The newest pins, read again after a conflict. */
  readonly trust: () => MeshTrust | Promise<MeshTrust>;
  readonly now: () => number;
}

/** What of an order is its content. */
export type OrderContent<Type extends OrderType> = Omit<Statement<Type>, "mesh" | "number" | "iat">;

/** Bound on the tries to publish a list that others change too. */
const mostTries = 5;

/**
 * Signs and publishes the order that follows the newest one. `next` makes its content from what holds now, again when another
 * operator was faster; undefined leaves things as they are. Answers the number that holds. Throws `forbidden` without the key.
 */
export async function publishNext<Type extends OrderType>(
  type: Type,
  next: (trust: MeshTrust) => OrderContent<Type> | undefined,
  { device, root, trust, now }: OrderPublisherOptions,
): Promise<number> {
  if (root === undefined) throw keyMissing();
  for (let attempt = 1; ; attempt++) {
    const held = await trust();
    const content = next(held);
    if (content === undefined) return held.orderNumbers[type];
    const number = held.orderNumbers[type] + 1;
    const order = { ...content, mesh: held.mesh, number, iat: now() } as Statement<Type>;
    try {
      await device.request("order.publish", { type, statement: await signStatement(type, order, root) });
      return number;
    } catch (error) {
      const lost = isParleyError(error) && (error.code === "conflict" || error.code === "stale_statement");
      if (!lost || attempt === mostTries) throw error;
      // What the registry pushed before this reply has been taken when the reply is here.
      await device.request("ping", {});
    }
  }
}

/** What an operator's device says that does not hold the root key. */
export function keyMissing(): ParleyError {
  return new ParleyError("forbidden", {
    message: "This device does not hold an operator's root key; do this on the device that paired first.",
  });
}
