import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { CatchUp } from "../src/catch-up.ts";

const bounds = { congestedBytes: 100, waitingFrames: 2, sessionBufferBytes: 1000, slowReaderMs: 5000 };

function setUp() {
  const clock = new FakeClock();
  const drained: (() => void)[] = [];
  const socket = { bufferedBytes: 0, onceDrained: (run: () => void) => void drained.push(run) };
  const facts = { hopeless: 0 };
  const catchUp = new CatchUp<string>({ socket, clock, bounds, onHopeless: () => facts.hopeless++ });
  return { clock, drained, socket, facts, catchUp };
}

describe("a device that catches up", () => {
  it("has room for everybody up to the bound, and above it for a bounded number of each sender", () => {
    const { socket, catchUp } = setUp();
    socket.bufferedBytes = 100;
    expect([catchUp.isNeeded, catchUp.hasRoomFor("bob", 10_000)]).toEqual([false, true]);
    socket.bufferedBytes = 101;
    expect([catchUp.isNeeded, catchUp.hasRoomFor("bob", 399), catchUp.hasRoomFor("bob", 400)]).toEqual([
      true,
      true,
      false,
    ]);
    catchUp.once("bob", () => undefined);
    expect(catchUp.hasRoomFor("bob", 1)).toBe(true);
    catchUp.once("bob", () => undefined);
    expect([catchUp.hasRoomFor("bob", 1), catchUp.hasRoomFor("eve", 1)]).toEqual([false, true]);
  });

  it("lets go what waits when its socket has drained, and again the next time", () => {
    const { clock, drained, facts, catchUp } = setUp();
    const gone: boolean[] = [];
    for (const round of [1, 2]) {
      catchUp.once("bob", (isGone) => gone.push(isGone));
      clock.advance(4999);
      expect(drained).toHaveLength(round);
      drained[round - 1]?.();
    }
    clock.advance(5000);
    expect([gone, facts.hopeless]).toEqual([[false, false], 0]);
  });

  it("is hopeless after a while, and what waits learns that it is gone", () => {
    const { clock, facts, catchUp } = setUp();
    const gone: boolean[] = [];
    catchUp.once("bob", (isGone) => gone.push(isGone));
    catchUp.once("eve", (isGone) => gone.push(isGone));
    clock.advance(4999);
    expect(facts.hopeless).toBe(0);
    clock.advance(1);
    expect(facts.hopeless).toBe(1);
    catchUp.end(true);
    expect(gone).toEqual([true, true]);
  });
});
