import { sha256 } from "@parley/core";
import type { Statement } from "@parley/protocol";
import type { TestIdentity, WireMesh } from "@parley/testkit";
import { expect } from "vitest";

import { RawWebSocket } from "./raw-web-socket.ts";

/** A session over a socket written by hand, for a device that stops reading or breaks off. */
export async function openRawDevice(
  mesh: WireMesh,
  identity: TestIdentity,
  session: Partial<Statement<"session">> = {},
): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(mesh.origin);
  const statement = await identity.session(mesh.mesh, await sha256(await socket.nextText()), session);
  const devices = await identity.deviceList(mesh.mesh);
  socket.sendText(JSON.stringify({ type: "proof", statement, root: identity.root.publicKey, rotations: [], devices }));
  expect(JSON.parse(await socket.nextText())).toMatchObject({ type: "welcome" });
  return socket;
}
