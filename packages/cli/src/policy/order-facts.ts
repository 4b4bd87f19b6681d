import type { DeviceApi } from "@parley/client";
/** Which order holds, and who signed it when. */
import { type MeshTrust, peekStatement } from "@parley/core";
import type { OrderType } from "@parley/protocol";

export interface OrderFacts {
  /** 0: the built-in one. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly signedAt: number | undefined;
  /** Id of the operator, as its signature names it; undefined for the built-in one. */
  readonly signedBy: string | undefined;
}

export function orderFacts(trust: MeshTrust, type: OrderType): OrderFacts {
  const compact = trust.orders[type];
  if (compact === undefined) return { number: 0, signedAt: undefined, signedBy: undefined };
  const { number, iat, signer } = peekStatement(type, compact);
  return { number, signedAt: iat, signedBy: signer === "" ? undefined : signer };
}

/** `@name` where the member is known, else its id. */
export async function labelOf(device: DeviceApi | undefined, member: string): Promise<string> {
  const found = await device?.memberOf(member).catch(() => undefined);
  return found === undefined ? member : `@${found.name}`;
}
