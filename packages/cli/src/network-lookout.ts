/** Tells the link factory what stands before this device, as the STUN servers show it, now and when the network changes. */
import type { DeviceApi, LogLine } from "@parley/client";
import type { IceServer, LinkFactory } from "@parley/core";
import { toParleyError } from "@parley/protocol";

import { lookAtNat } from "./doctor/network-facts.ts";

export interface NetworkLookoutOptions {
  readonly device: DeviceApi;
  readonly factory: LinkFactory & { expectOpen(isOpen: boolean): void };
  /** Servers of this device's own. */
  readonly iceServers: readonly IceServer[];
  readonly address: string | undefined;
  readonly log: LogLine;
}

/** Looks once the device is connected, and again after each change. Returns the way out. */
export function lookOut({ device, factory, iceServers, address, log }: NetworkLookoutOptions): () => void {
  let isOver = false;
  const look = async (): Promise<void> => {
    if (isOver || device.state !== "connected") return;
    const { servers } = await device.request("ice.get", {});
    const named = servers.map(({ urls, username, credential }) => ({
      urls,
      ...(username === undefined ? {} : { username }),
      ...(credential === undefined ? {} : { credential }),
    }));
    const { kind } = await lookAtNat([...named, ...iceServers], address);
    if (isOver || kind === "unknown") return;
    factory.expectOpen(kind === "public" || kind === "full-cone");
    log("info", "network.kind", { kind });
  };
  // Not knowing costs a second on some links, no more.
  const lookQuietly = (): void =>
    void look().catch((error: unknown) => log("debug", "network.unknown", { code: toParleyError(error).code }));
  let isFirst = true;
  const leave = device.watch((event) => {
    if (event.type !== "session" || event.state !== "connected" || !isFirst) return;
    isFirst = false;
    lookQuietly();
  });
  const unwatch = factory.watchNetwork?.(lookQuietly);
  return () => {
    isOver = true;
    leave();
    unwatch?.();
  };
}
