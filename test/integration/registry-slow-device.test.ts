import { sha256 } from "@parley/core";
import type { TestIdentity, WireMesh } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { RawWebSocket } from "./raw-web-socket.ts";
import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

async function openRaw(mesh: WireMesh, identity: TestIdentity): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(mesh.origin);
  const statement = await identity.session(mesh.mesh, await sha256(await socket.nextText()));
  const devices = await identity.deviceList(mesh.mesh);
  socket.sendText(JSON.stringify({ type: "proof", statement, root: identity.root.publicKey, rotations: [], devices }));
  expect(JSON.parse(await socket.nextText())).toMatchObject({ type: "welcome" });
  return socket;
}

const closesOf = (registry: RunningRegistry, member: string): unknown[] =>
  registry.lines
    .filter(({ event, fields }) => event === "session.closed" && fields["member"] === member)
    .map(({ fields }) => fields["code"]);

describe("a device that does not read", () => {
  it("is closed when it does not catch up, and whoever sent to it goes on", async () => {
    await using registry = await startRegistry({ bounds: { congestedBytes: 64 * 1024, slowReaderMs: 100 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const socket = await openRaw(mesh, carol);
    socket.stopReading();
    const content = new Uint8Array(60 * 1024);
    for (let count = 0; count < 300; count++) bob.sendFrame(carol, content);
    const states = new Set<string | undefined>();
    for (let count = 0; count < 300; count++) {
      const { state, error } = await bob.nextResult();
      states.add(error?.code ?? state);
    }
    expect(states).toEqual(new Set(["relayed", "slow_reader", "not_connected"]));
    expect(closesOf(registry, carol.member)).toEqual(["slow_reader"]);
    expect(await bob.request("ping", {})).toHaveProperty("time");
    socket.destroy();
  });

  it("is closed at once when more waits for it than the limit", async () => {
    await using registry = await startRegistry({
      bounds: { sessionBufferBytes: 1024 * 1024, congestedBytes: 64 * 1024 * 1024 },
    });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const socket = await openRaw(mesh, carol);
    socket.stopReading();
    const content = new Uint8Array(60 * 1024);
    for (let count = 0; count < 300; count++) bob.sendFrame(carol, content);
    for (let count = 0; count < 300; count++) await bob.nextResult();
    expect(closesOf(registry, carol.member)).toEqual(["slow_reader"]);
    socket.destroy();
  });

  it("gets no more of its mailbox than its socket takes", async () => {
    await using registry = await startRegistry({ bounds: { mailboxAheadBytes: 256 * 1024 } });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const content = new Uint8Array(60 * 1024);
    for (let count = 0; count < 300; count++) bob.sendFrame(carol, content, { store: true });
    for (let count = 0; count < 300; count++) await bob.nextResult();
    const socket = await openRaw(mesh, carol);
    socket.stopReading();
    expect(await bob.request("ping", {})).toHaveProperty("time");
    expect(closesOf(registry, carol.member)).toEqual([]);
    socket.destroy();
  });
});

describe("a device that answers no ping", () => {
  it("is stale, then gone", async () => {
    await using registry = await startRegistry({ bounds: { pingMs: 30, staleMs: 60, lostMs: 300 } });
    const mesh = await registry.claim();
    const carol = await mesh.admit("carol");
    await mesh.operator.request("directory.watch", { members: [carol.member] });
    expect(await mesh.operator.nextPush("presence")).toEqual({ member: carol.member, devices: [] });
    const socket = await openRaw(mesh, carol);
    const states: unknown[] = [];
    while (states.length < 3) states.push((await mesh.operator.nextPush("presence")).devices.map(({ state }) => state));
    expect(states).toEqual([["connected"], ["stale"], []]);
    await socket.closed;
    expect(await mesh.operator.request("ping", {})).toHaveProperty("time");
  });
});
