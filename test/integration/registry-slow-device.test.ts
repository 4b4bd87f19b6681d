import type { FrameResult } from "@parley/protocol";
import { randomId16 } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { openRawDevice } from "./raw-device.ts";
import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

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
    const socket = await openRawDevice(mesh, carol);
    socket.stopReading();
    const content = new Uint8Array(60 * 1024);
    for (let count = 0; count < 300; count++) bob.sendFrame(carol, content);
    const states = new Set<string | undefined>();
    for (let count = 0; count < 300; count++) {
      const { state, error } = await bob.nextResult();
      states.add(error?.code ?? state);
    }
    expect([...states].filter((state) => state !== "relayed" && state !== "slow_reader")).toEqual(["not_connected"]);
    expect(closesOf(registry, carol.member)).toEqual(["slow_reader"]);
    expect(await bob.request("ping", {})).toHaveProperty("time");
    socket.destroy();
  });

  it.each([false, true])("is not drowned by one sender, whether its frames may wait or not: %s", async (store) => {
    await using registry = await startRegistry({
      bounds: { congestedBytes: 64 * 1024, slowReaderMs: 600_000, waitingFrames: 8, sessionBufferBytes: 4_194_304 },
    });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const socket = await openRawDevice(mesh, carol);
    socket.stopReading();
    const content = new Uint8Array(60 * 1024);
    const toDevice = carol.device().id;
    for (let count = 0; count < 300; count++) bob.sendFrame(carol, content, { store, toDevice });
    const codes: unknown[] = [];
    while (!codes.includes("slow_reader")) codes.push((await bob.nextResult()).error?.code);
    expect(closesOf(registry, carol.member)).toEqual([]);
    socket.destroy();
  });

  it("holds up the frames to it, and neither what their sender sends elsewhere nor another sender", async () => {
    await using registry = await startRegistry({
      bounds: { congestedBytes: 64 * 1024, slowReaderMs: 600_000, waitingFrames: 8 },
    });
    const mesh = await registry.claim();
    const [bob, eve] = [await mesh.join("bob"), await mesh.join("eve")];
    const dan = await mesh.join("dan");
    const carol = await mesh.admit("carol");
    const socket = await openRawDevice(mesh, carol);
    socket.stopReading();
    const content = new Uint8Array(60 * 1024);
    for (let count = 0; count < 300; count++) bob.sendFrame(carol, content);
    const toDan = new Set<string>();
    for (const sender of [bob, eve])
      for (let count = 0; count < 20; count++) {
        const frameId = randomId16();
        toDan.add(frameId);
        sender.sendFrame(dan.identity, new Uint8Array([count]), { frameId });
      }
    for (let count = 0; count < 40; count++) await dan.nextDelivery();
    const results: FrameResult[] = [];
    for (let count = 0; count < 20; count++) expect((await eve.nextResult()).state).toBe("relayed");
    // All but those whose results wait: 300 to the device that does not read, and 20 elsewhere.
    while (results.length < 312) results.push(await bob.nextResult());
    expect(results.filter(({ frame }) => toDan.has(frame)).map(({ state }) => state)).toEqual(
      Array.from({ length: 20 }, () => "relayed"),
    );
    const refused = results.filter(({ state }) => state === "refused");
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map(({ error }) => error?.code))).toEqual(new Set(["slow_reader"]));
    expect(await bob.request("ping", {})).toHaveProperty("time");
    expect(closesOf(registry, carol.member)).toEqual([]);
    socket.goOnReading();
    for (let count = 0; count < 8; count++) expect((await bob.nextResult()).state).toBe("relayed");
    bob.sendFrame(carol, content);
    expect((await bob.nextResult()).state).toBe("relayed");
    socket.destroy();
  });

  it("is closed at once when more waits for it than the limit", async () => {
    await using registry = await startRegistry({
      bounds: { sessionBufferBytes: 1024 * 1024, congestedBytes: 64 * 1024 * 1024 },
    });
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const socket = await openRawDevice(mesh, carol);
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
    const socket = await openRawDevice(mesh, carol);
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
    const socket = await openRawDevice(mesh, carol);
    const states: unknown[] = [];
    while (states.length < 3) states.push((await mesh.operator.nextPush("presence")).devices.map(({ state }) => state));
    expect(states).toEqual([["connected"], ["stale"], []]);
    await socket.closed;
    expect(await mesh.operator.request("ping", {})).toHaveProperty("time");
  });
});
