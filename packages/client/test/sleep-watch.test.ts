import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { SleepWatch } from "../src/sleep-watch.ts";

function scene() {
  const clock = new FakeClock();
  const slept: number[] = [];
  return { clock, slept, watch: new SleepWatch({ clock, onSlept: (ms) => void slept.push(Math.round(ms)) }) };
}

describe("a watch for sleep", () => {
  it.each([
    [1999, []],
    [2000, [2000]],
    [86_400_000, [86_400_000]],
  ])("tells once that the monotonic clock missed %i ms, from two seconds on", (ms, told) => {
    const { clock, slept, watch } = scene();
    clock.advance(500);
    expect(watch.look()).toBe(false);
    clock.skew(ms);
    expect([watch.look(), watch.look()]).toEqual([told.length > 0, false]);
    expect(slept).toEqual(told);
  });

  it("takes time that passed on both clocks for no sleep, nor a wall clock that was set back", () => {
    const { clock, slept, watch } = scene();
    clock.advance(86_400_000);
    expect(watch.look()).toBe(false);
    clock.skew(-86_400_000);
    expect(watch.look()).toBe(false);
    clock.skew(5000);
    expect(watch.look()).toBe(true);
    expect(slept).toEqual([5000]);
  });
});
