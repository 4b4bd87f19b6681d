import { createSigner, openMemoryStores, systemClock } from "@parley/core";
import { errorCodeOfClose } from "@parley/protocol";
import { createRegistry } from "@parley/registry";
import { type TestDevice, TestSocket, WireMesh } from "@parley/testkit";

import { BrokenInvariant, plantedText, within } from "./surface.ts";

const probeMs = 20_000;
/** RFC 6455 section 7.4.1: orderly, going away, protocol error, unacceptable data, not UTF-8, too big; 1006 when the socket was cut. */
const websocketCodes = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009];
const generous = {
  pairingTriesPerMinute: 1e6,
  pairingTriesTotalPerMinute: 1e6,
  requestsPerSecond: 1e5,
  handshakeMs: 2000,
  // Not what is looked for here, and in the way of everything else.
  requestsPerSecondOfMember: 1e6,
  plainRequestsPerSecond: 1e6,
  secretRequestsPerSecond: 1e6,
  transferRequestsPerSecond: 1e6,
  sessionsPerSecond: 1e6,
  httpPerSecondOfMember: 1e6,
  messagesPerSecond: 1e6,
  messagesPerSecondOfMember: 1e6,
};

/** A real registry on loopback with memory stores, a claimed mesh, and one honest device that asks whether it still answers. */
export interface RegistryTarget {
  readonly origin: string;
  readonly port: number;
  readonly mesh: WireMesh;
  readonly honest: TestDevice;
  readonly secrets: readonly string[];
  takeLog(): readonly string[];
  probe(): Promise<void>;
  close(): Promise<void>;
}

export async function openRegistryTarget(): Promise<RegistryTarget> {
  const stores = openMemoryStores({ clock: systemClock });
  let lines: string[] = [];
  const log = (level: string, event: string, fields: object): void =>
    void lines.push(JSON.stringify({ level, event, fields }));
  const registry = createRegistry({ stores, nodeKey: await createSigner("node"), port: 0, log, bounds: generous });
  const { origin, port } = await registry.start();
  const claimSecret = registry.claimSecret ?? "";
  const mesh = await WireMesh.claim(origin, claimSecret);
  const invite = await mesh.invite();
  const honest = await mesh.join("honest");
  return {
    origin,
    port,
    mesh,
    honest,
    secrets: [claimSecret, invite, plantedText],
    takeLog() {
      const taken = lines;
      lines = [];
      return taken;
    },
    async probe() {
      await within(honest.request("ping", {}), probeMs, "a ping over an honest session");
      const health = await within(fetch(`${origin}/healthz`), probeMs, "GET /healthz");
      if (health.status !== 200) throw new BrokenInvariant(`GET /healthz answered ${health.status}`);
      await health.body?.cancel();
      const socket = await within(TestSocket.open(origin), probeMs, "opening a socket");
      await within(socket.nextText(), probeMs, "a challenge");
      socket.close();
    },
    async close() {
      await registry.stop();
      await stores.close();
    },
  };
}

/** Throws when a socket was closed with a code that nothing documents. */
export function checkClose(code: number): void {
  if (errorCodeOfClose(code) === undefined && !websocketCodes.includes(code))
    throw new BrokenInvariant(`a socket was closed with ${code}`);
  if (errorCodeOfClose(code) === "internal")
    throw new BrokenInvariant("a socket was closed with internal: something failed that should not");
}
