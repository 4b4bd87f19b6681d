import { type Signal, toBase64url } from "@parley/protocol";
import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Dialer, type DialerOptions } from "../src/dialer.ts";
import { DeviceMetrics } from "../src/metrics.ts";
import { ScriptedLinks, turns } from "./scripted-links.ts";

const minute = 60_000;
const servers = [
  { urls: ["stun:192.0.2.1:3478"] },
  { urls: ["turn:192.0.2.1:3478"], username: "name", credential: "secret" },
];
const id = (fill: number): string => toBase64url(new Uint8Array(16).fill(fill));

/** A dialer between a scripted network and a list of what it told its owner. */
function scene(change: Partial<DialerOptions> = {}) {
  const clock = new FakeClock();
  const links = new ScriptedLinks();
  const metrics = new DeviceMetrics();
  const told: string[] = [];
  const signals: Signal[] = [];
  const other = { boot: id(2), canSignal: true, freshAt: Number.POSITIVE_INFINITY };
  const dialer = new Dialer({
    settings: { factory: links },
    clock,
    random: new SeededRandom(1),
    ownDevice: "b",
    ownBoot: id(1),
    peerDevice: "a",
    peerBoot: () => other.boot,
    canSignal: () => other.canSignal,
    iceServers: () => Promise.resolve({ servers, freshAt: other.freshAt }),
    sendSignal: (signal) => void signals.push(signal),
    makeHello: () => Promise.resolve("a.b.c"),
    verifyHello: () =>
      Promise.resolve({
        leaseExpires: clock.now() + 1e9,
        orders: { revocations: 0, policy: 0, restrictions: 0 },
        operators: 1,
        version: 1,
      }),
    onOpen: ({ path }) => void told.push(`open ${path}`),
    onFrame: (bytes, { path }) => void told.push(`frame ${bytes[0]} by ${path}`),
    onDrain: () => void told.push("drain"),
    onClosed: (error, wasOpen) => void told.push(`${wasOpen ? "closed" : "failed"} ${error.code}`),
    count: (name, labels) => metrics.count(name, labels),
    ...change,
  });
  const count = (name: string, value: string): number =>
    metrics.samples().find((sample) => sample.name === name && Object.values(sample.labels).includes(value))?.value ??
    0;
  /** Dials, and opens by a path. */
  const open = async (path: "direct" | "turn"): Promise<void> => {
    dialer.dial(true);
    await turns();
    await links.newest.open(path);
  };
  const say = (signal: Signal["signal"], dial = signals.at(-1)?.dial ?? ""): void =>
    dialer.onSignal({ dial, from: other.boot, to: id(1), signal });
  return { clock, links, told, signals, other, dialer, count, open, say };
}

describe("a dialer with a link through TURN", () => {
  it("tries for a direct one after some seconds, without TURN servers, and moves to it", async () => {
    const { clock, links, told, count, open } = scene();
    await open("turn");
    await clock.run(1400);
    expect(links.links).toHaveLength(1);
    await clock.run(1700);
    expect(links.links).toHaveLength(2);
    expect(links.newest.options.iceServers).toEqual([{ urls: ["stun:192.0.2.1:3478"] }]);
    await links.newest.open("direct");
    expect(told).toEqual(["open turn", "open direct"]);
    expect(count("link_upgrades", "direct")).toBe(1);
    await clock.run(60 * minute);
    expect(links.links).toHaveLength(2);
  });

  it("listens on the earlier link for two more seconds, and takes it up again should the newer one end", async () => {
    const { clock, links, told, open } = scene();
    await open("turn");
    await clock.run(13_000);
    await links.newest.open("direct");
    const [first] = links.links;
    first?.callbacks.onMessage(new Uint8Array([7]));
    links.newest.callbacks.onMessage(new Uint8Array([8]));
    expect(told.slice(2)).toEqual(["frame 7 by turn", "frame 8 by direct"]);
    links.newest.callbacks.onClosed("remote-closed");
    expect(told.slice(4)).toEqual(["open turn"]);
    await clock.run(13_000);
    await links.newest.open("direct");
    expect(first?.isOpen).toBe(true);
    await clock.run(1999);
    expect(first?.isOpen).toBe(true);
    await clock.run(1);
    expect(first?.isOpen).toBe(false);
    links.newest.callbacks.onClosed("ice-failed");
    expect(told.at(-1)).toBe("closed closed");
  });

  it("drops what goes through TURN again before it proves itself, ever more rarely", async () => {
    const { clock, links, told, count, open, dialer } = scene();
    await open("turn");
    const tried: number[] = [];
    for (let known = 1, from = clock.monotonic(); tried.length < 12;) {
      await clock.run(500);
      if (links.links.length === known) continue;
      known++;
      await links.newest.open("turn");
      await clock.run(3000);
      expect([links.newest.isOpen, links.newest.sent]).toEqual([false, []]);
      tried.push(clock.monotonic() - from);
      from = clock.monotonic();
    }
    expect(tried[0]).toBeLessThanOrEqual(13_500);
    for (const pause of tried) expect(pause).toBeLessThanOrEqual(5 * minute + 500);
    expect(tried.at(-1)).toBeGreaterThan(2 * minute);
    expect(told).toEqual(["open turn"]);
    expect([dialer.isOpen, count("link_failures", "only-turn")]).toEqual([true, 12]);
  });

  it("tries at once when the network changes, and not while no signal reaches the other side", async () => {
    const { clock, links, told, other, dialer, open } = scene();
    await open("turn");
    other.canSignal = false;
    dialer.onNetwork();
    await turns();
    expect(links.links).toHaveLength(1);
    other.canSignal = true;
    dialer.onNetwork();
    await turns();
    expect(links.links).toHaveLength(2);
    await links.newest.open("direct");
    dialer.onNetwork();
    await clock.run(60 * minute);
    expect([links.links.length, told]).toEqual([2, ["open turn", "open direct"]]);
  });

  it("notes it at once when ICE tells that it moved to a direct pair", async () => {
    const { links, told, count, open } = scene();
    await open("turn");
    links.newest.path = "direct";
    links.newest.callbacks.onRoute?.(await links.newest.route());
    await turns();
    expect([told, count("link_upgrades", "in-place")]).toEqual([["open turn", "open direct"], 1]);
  });

  it("gives ICE three seconds to move an attempt from TURN to a direct pair", async () => {
    const { clock, links, told, dialer, open } = scene();
    await open("turn");
    dialer.onNetwork();
    await turns();
    await links.newest.open("turn");
    await clock.run(2999);
    expect([links.newest.isOpen, links.newest.sent]).toEqual([true, []]);
    links.newest.moveTo("direct");
    await turns();
    links.newest.hello();
    await turns();
    expect(told).toEqual(["open turn", "open direct"]);
    await clock.run(60 * minute);
    expect(links.links).toHaveLength(2);
  });

  it("notes it when ICE itself found a direct pair", async () => {
    const { links, told, dialer, count, open } = scene();
    await open("turn");
    links.newest.path = "direct";
    dialer.onNetwork();
    await turns();
    expect([told, links.links.length, count("link_upgrades", "in-place")]).toEqual([
      ["open turn", "open direct"],
      1,
      1,
    ]);
  });

  it("replaces it before its credentials run out, by another through TURN if there is nothing better", async () => {
    const { clock, links, told, other, open } = scene();
    other.freshAt = 9 * minute;
    await open("turn");
    other.freshAt = 18 * minute;
    let freshAt: number | undefined;
    for (let known = 1; freshAt === undefined;) {
      await clock.run(1000);
      if (links.links.length === known) continue;
      known++;
      // Two servers: with TURN, unlike the attempts at something better.
      if (links.newest.options.iceServers.length === 2) freshAt = clock.monotonic();
      await links.newest.open("turn");
    }
    expect([freshAt, told]).toEqual([9 * minute, ["open turn", "open turn"]]);
  });

  it("replaces credentials, and nothing else, under a policy that allows TURN only", async () => {
    const factory = new ScriptedLinks();
    const { clock, other, told, dialer } = scene({ settings: { factory, policy: "relay" } });
    other.freshAt = 9 * minute;
    dialer.dial();
    await turns();
    await factory.newest.open("turn");
    await clock.run(9 * minute - 1);
    expect(factory.links).toHaveLength(1);
    dialer.onNetwork();
    other.freshAt = Number.POSITIVE_INFINITY;
    await clock.run(1);
    expect(factory.links).toHaveLength(2);
    await factory.newest.open("turn");
    await clock.run(60 * minute);
    expect([factory.links.length, told]).toEqual([2, ["open turn", "open turn"]]);
  });

  it("waits with its own attempt while the other side tries, and takes what that opens", async () => {
    const { clock, links, told, open, say } = scene();
    await open("turn");
    await clock.run(1400);
    say({ type: "offer", sdp: "offer" }, id(9));
    await turns();
    expect([links.links.length, links.newest.offered]).toEqual([2, false]);
    await clock.run(1400);
    expect(links.links).toHaveLength(2);
    await links.newest.open("turn");
    expect(told).toEqual(["open turn", "open turn"]);
  });
});

describe("a dialer", () => {
  it("dials at once after a link that lived, and with pauses after several that did not", async () => {
    const { clock, links, dialer, open } = scene();
    const lose = async (): Promise<number> => {
      links.newest.callbacks.onClosed("ice-failed");
      const from = clock.monotonic();
      const known = links.links.length;
      while (links.links.length === known) {
        dialer.dial();
        await turns();
        if (links.links.length === known) clock.advance(100);
      }
      await links.newest.open("direct");
      return clock.monotonic() - from;
    };
    await open("direct");
    expect(await lose()).toBe(0);
    const pauses = [await lose(), await lose(), await lose()];
    expect(pauses.every((pause) => pause > 0)).toBe(true);
    expect(pauses[2]).toBeGreaterThan(pauses[0] ?? 0);
    await clock.run(30_000);
    expect(await lose()).toBe(0);
  });

  it("pauses ever longer between attempts that fail, a minute at most", async () => {
    const { clock, links, dialer, told, count } = scene();
    const pauses: number[] = [];
    for (let round = 0, from = 0; round < 12; round++) {
      const known = links.links.length;
      while (links.links.length === known) {
        dialer.dial();
        await turns();
        if (links.links.length === known) clock.advance(100);
      }
      pauses.push(clock.monotonic() - from);
      links.newest.callbacks.onClosed("dtls-failed");
      from = clock.monotonic();
    }
    expect(Math.max(...pauses)).toBeLessThanOrEqual(minute + 100);
    expect(pauses.at(-1)).toBeGreaterThan(20_000);
    expect(told).toHaveLength(12);
    expect([dialer.attempts, dialer.lastFailure, count("link_failures", "dtls-failed")]).toEqual([
      12,
      "dtls-failed",
      12,
    ]);
    dialer.onNetwork();
    dialer.dial();
    await turns();
    expect(links.links).toHaveLength(13);
  });

  it("drops links to an earlier start of the other side and dials the new one at once", async () => {
    const { links, told, other, dialer, open } = scene();
    await open("direct");
    other.boot = id(3);
    dialer.onRestart();
    expect([told, dialer.isOpen, dialer.lastFailure]).toEqual([["open direct", "closed closed"], false, "restarted"]);
    dialer.dial();
    await turns();
    await links.newest.open("direct");
    dialer.onRestart();
    expect([dialer.isOpen, links.links.length]).toEqual([true, 2]);
  });

  it("does not dial a side again that says that it makes no links, until that starts anew", async () => {
    const { clock, links, told, other, dialer, say } = scene();
    dialer.dial();
    await turns();
    say({ type: "bye", reason: "no-links" });
    expect([told, dialer.peerMakesNone]).toEqual([["failed refused"], true]);
    await clock.run(10 * minute);
    dialer.dial();
    await turns();
    expect(links.links).toHaveLength(1);
    other.boot = id(3);
    dialer.dial();
    await turns();
    expect([links.links.length, dialer.peerMakesNone]).toEqual([2, false]);
  });

  it("says again what a new session, or a side that offers at the same time, did not hear", async () => {
    const { links, signals, dialer, say, told } = scene();
    dialer.dial();
    await turns();
    const types = (): string[] => signals.map(({ signal }) => signal.type);
    const own = signals[0]?.dial ?? "";
    // Offers that cross: the other side gives way when it has heard this one.
    say({ type: "offer", sdp: "theirs" }, id(8));
    expect(types()).toEqual(["offer", "offer"]);
    dialer.onSession();
    expect(types()).toEqual(["offer", "offer", "offer"]);
    expect(new Set(signals.map(({ dial }) => dial))).toEqual(new Set([own]));
    say({ type: "answer", sdp: "answer" }, own);
    say({ type: "answer", sdp: "answer" }, own);
    await links.newest.open("direct");
    expect([links.links.length, told]).toEqual([1, ["open direct"]]);
    dialer.onSession();
    expect(signals).toHaveLength(3);
  });

  it("answers again when the same offer comes once more, and takes it up once", async () => {
    const { links, signals, say } = scene();
    say({ type: "offer", sdp: "theirs" }, id(8));
    await turns();
    expect(signals.map(({ signal }) => signal.type)).toEqual(["answer"]);
    say({ type: "offer", sdp: "theirs" }, id(8));
    expect(signals.map(({ signal }) => signal.type)).toEqual(["answer", "answer"]);
    expect(links.links).toHaveLength(1);
  });

  it("says goodbye for all that it closes", async () => {
    const { clock, links, signals, dialer, open } = scene();
    await open("turn");
    await clock.run(13_000);
    expect(dialer.close("idle")).toBe(true);
    expect(signals.filter(({ signal }) => signal.type === "bye")).toHaveLength(2);
    expect(links.links.some(({ isOpen }) => isOpen)).toBe(false);
    await clock.run(60 * minute);
    expect(links.links).toHaveLength(2);
  });
});
