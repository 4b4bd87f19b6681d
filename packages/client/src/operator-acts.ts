/** What all acts of an operator stand on. */
import type { Clock, MeshTrust } from "@parley/core";
import { isParleyError, type ReplyBody, type RequestBody, type RequestType } from "@parley/protocol";

import type { DeviceApi } from "./device-api.ts";
import type { OperatorRoot } from "./operator-root.ts";
import { pause } from "./pause.ts";

export interface OperatorOptions {
  readonly device: DeviceApi;
  /** The operator's root key. */
  readonly root: OperatorRoot;
  /** The newest pins, read again after a conflict. */
  readonly trust: () => MeshTrust | Promise<MeshTrust>;
  /** Origin of the registry, for links. */
  readonly registry: string;
  /** Default: the platform's. */
  readonly clock?: Clock;
}

/** Bound on the tries of a request that comes too fast, in a row of many. */
const mostTries = 50;
const tooFastMs = 100;

/** A request in a row of many: one that comes too fast waits and goes again. */
export async function requestOfMany<Type extends RequestType>(
  device: DeviceApi,
  clock: Clock,
  type: Type,
  body: RequestBody<Type>,
): Promise<ReplyBody<Type>> {
  for (let tries = 1; ; tries++) {
    try {
      return await device.request(type, body);
    } catch (error) {
      if (!isParleyError(error) || error.code !== "rate_limited" || tries === mostTries) throw error;
      await pause(clock, tooFastMs, undefined);
    }
  }
}
