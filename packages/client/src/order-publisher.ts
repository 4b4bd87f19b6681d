/** Publishes the next of a numbered order, however many operators do the same. */
import { type MeshTrust, signStatement } from "@parley/core";
import { isParleyError, type OrderType, type Statement } from "@parley/protocol";

import type { DeviceApi } from "./device-api.ts";
import { openRoot, type OperatorRoot } from "./operator-root.ts";

export interface OrderPublisherOptions {
  readonly device: Pick<DeviceApi, "request">;
  readonly root: OperatorRoot;
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
  const signer = await openRoot(root);
  for (let attempt = 1; ; attempt++) {
    const held = await trust();
    const content = next(held);
    if (content === undefined) return held.orderNumbers[type];
    const number = held.orderNumbers[type] + 1;
    const order = { ...content, mesh: held.mesh, number, iat: now() } as Statement<Type>;
    try {
      await device.request("order.publish", { type, statement: await signStatement(type, order, signer) });
      return number;
    } catch (error) {
      const lost = isParleyError(error) && (error.code === "conflict" || error.code === "stale_statement");
      if (!lost || attempt === mostTries) throw error;
      // What the registry pushed before this reply has been taken when the reply is here.
      await device.request("ping", {});
    }
  }
}
